// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * backtrace() for programs that call it: what glibc's gives, with Elite's return addresses replaced
 * by the Fallback's, which the program's symbols tell of, and without the stack switch's own.
 */
#include <execinfo.h>
#include <unwind.h>

#include "lp_runtime.h"

struct trace {
	void **buffer;
	int count; /* -1: the first frame is our own */
	int size;
};

static _Unwind_Reason_Code note(struct _Unwind_Context *context, void *data)
{
	uint64_t address = _Unwind_GetIP(context);
	const struct lp_return *record = lp_is_elite(address) ? lp_return_at(address) : NULL;
	struct trace *trace = data;

	if (trace->count < 0) {
		trace->count = 0;
		return _URC_NO_REASON;
	}
	/* Above _start there may be a last frame at zero. */
	if (!address)
		return _URC_END_OF_STACK;
	if (address == (uint64_t)lp_request_return)
		return _URC_NO_REASON;
	if (trace->count == trace->size)
		return _URC_END_OF_STACK;
	trace->buffer[trace->count++] = record ? record->fallback : (void *)address;
	return _URC_NO_REASON;
}

int backtrace(void **buffer, int size)
{
	struct trace trace = {buffer, -1, size};

	if (size <= 0)
		return 0;
	_Unwind_Backtrace(note, &trace);
	return trace.count < 0 ? 0 : trace.count;
}
