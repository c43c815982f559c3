# SPDX-License-Identifier: GPL-2.0-only
"""A forecast in words."""

from __future__ import annotations

from collections.abc import Sequence

from lp_build.forecast.model import COLD, KERNEL, Cause, Forecast, Loss, PlaceForecast

_SHOWN = 5  # causes for each place
_ARMS = 3  # cold arms


def lines_of(forecast: Forecast) -> list[str]:
    """What commands print of it."""
    if forecast.unknown:
        return [f"forecast: not known: {forecast.unknown}"]
    lines: list[str] = []
    for place in forecast.places:
        lines.append(f"forecast: {place.place} {share_text(place)} of requests finish in Elite")
        cold = [loss for loss in place.losses if loss.cause.what == COLD]
        stops = [loss for loss in place.losses if loss.cause.what != COLD]
        lines += [f"  {loss_text(loss)}" for loss in stops[:_SHOWN]]
        lines += [f"  {cold_text(cold)}"] if cold else []
        rest = stops[_SHOWN:]
        if rest:
            requests = sum(loss.requests for loss in rest)
            lines.append(f"  {requests:,} more stop at {len(rest)} other places: see `lp report`")
        if place.place == KERNEL and place.begun < place.requests:
            kept = place.requests - place.begun
            lines.append(f"  of these, {kept:,} do not begin there: what stops lies before them")
    lines += [f"forecast: doubtful: {doubt}" for doubt in forecast.doubts]
    return lines


def share_text(place: PlaceForecast) -> str:
    """The share that finishes; never all where some do not, nor none where some do."""
    if place.finished == place.at_most or not place.requests:
        return _percent(place.finished, place.requests)
    most = _percent(place.at_most, place.requests)
    return f"at least {_percent(place.finished, place.requests)} (at most {most})"


def _percent(part: int, total: int) -> str:
    if not total:
        return "0 %"
    value = 100 * part / total
    if 0 < part < total and (value < 0.05 or value >= 99.95):
        return "under 0.1 %" if value < 50 else "over 99.9 %"
    return f"{value:.1f} %"


def loss_text(loss: Loss) -> str:
    """One cause: what it costs, where it is, why, and what helps."""
    many = f"{loss.requests:,} {'request' if loss.requests == 1 else 'requests'}"
    verb = "stops" if loss.requests == 1 else "stop"
    may = "" if loss.sure else "may "
    before = ""
    if loss.before:
        what = "it comes" if loss.before == loss.requests else f"for {loss.before:,} it comes"
        before = f" ({what} before the request, in the loop)"
    why = f": {loss.cause.reason}" if loss.cause.reason else ""
    remedy = f" (remedy: {loss.cause.remedy})" if loss.cause.remedy else ""
    verb = "stop" if may else verb
    return f"{many} {may}{verb} at {place_text(loss.cause)}{loss.cause.what}{before}{why}{remedy}"


def cold_text(losses: Sequence[Loss]) -> str:
    """All cold arms in one: of them there are many, and one remedy helps against all."""
    requests = sum(loss.requests for loss in losses)
    shown = [f"{loss.cause.file}:{loss.cause.line} ({loss.requests:,})" for loss in losses[:_ARMS]]
    more = f" and {len(losses) - _ARMS} more" if len(losses) > _ARMS else ""
    many = "1 request takes" if requests == 1 else f"{requests:,} requests take"
    remedy = losses[0].cause.remedy
    return f"{many} a cold arm, at {', '.join(shown)}{more} (remedy: {remedy})"


def place_text(cause: Cause) -> str:
    """`file:line: `, as far as it is known."""
    if not cause.file:
        return ""
    return f"{cause.file}:{cause.line}: " if cause.line else f"{cause.file}: "
