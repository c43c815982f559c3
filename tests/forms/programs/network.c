// SPDX-License-Identifier: GPL-2.0-only
/* Addresses and times as text or in parts: the same as the library's. */
#include <arpa/inet.h>
#include <errno.h>
#include <fenv.h>
#include <netinet/in.h>
#include <time.h>

#include "check.h"

enum { ROUNDS = 15000, ROOM = 64 };

extern __typeof__(inet_ntop) lp_form_inet_ntop;
extern __typeof__(inet_pton) lp_form_inet_pton;
extern __typeof__(inet_aton) lp_form_inet_aton;
extern __typeof__(inet_addr) lp_form_inet_addr;
extern __typeof__(htonl) lp_form_htonl, lp_form_ntohl;
extern __typeof__(htons) lp_form_htons, lp_form_ntohs;
extern __typeof__(gmtime_r) lp_form_gmtime_r;
extern __typeof__(difftime) lp_form_difftime;

static void to_text(int family, const unsigned char *address, socklen_t size)
{
	const char *a, *b;
	int error;

	errno = 0;
	a = lp_form_inet_ntop(family, address, ours, size);
	error = errno;
	errno = 0;
	b = inet_ntop(family, address, theirs, size);
	CHECK((a == NULL) == (b == NULL) && error == errno);
	CHECK(!a || (a == ours && b == theirs));
	CHECK(!memcmp(ours, theirs, 2 * ROOM));
}

static void from_text(const char *text)
{
	static const int families[] = {AF_INET, AF_INET6, AF_UNIX};
	struct in_addr a = {1}, b = {1};

	for (size_t i = 0; i < 3; i++) {
		int is, error;

		errno = 0;
		is = lp_form_inet_pton(families[i], text, ours);
		error = errno;
		errno = 0;
		if (is != inet_pton(families[i], text, theirs) || error != errno ||
		    memcmp(ours, theirs, ROOM)) {
			fprintf(stderr, "inet_pton of '%s' differs\n", text);
			exit(1);
		}
	}
	CHECK(lp_form_inet_aton(text, &a) == inet_aton(text, &b) && a.s_addr == b.s_addr);
	CHECK(lp_form_inet_aton(text, NULL) == inet_aton(text, NULL));
	CHECK(lp_form_inet_addr(text) == inet_addr(text));
}

/* An address with many zeros, and its text with a fault in it, or without. */
static void some_address(void)
{
	unsigned char address[16];
	char text[ROOM];
	int family = below(2) ? AF_INET : AF_INET6;

	for (int i = 0; i < 16; i += 2) {
		bool zero = below(2);

		address[i] = zero ? 0 : (unsigned char)any();
		address[i + 1] = zero ? 0 : (unsigned char)any();
	}
	if (!below(4))
		memset(address, 0, 10 + 2 * below(3));
	if (!below(4))
		memset(address + 10, 0xff, 2);
	to_text(family, address, below(3) ? INET6_ADDRSTRLEN : (socklen_t)below(46));
	to_text(below(50) ? family : AF_UNIX, address, ROOM);
	CHECK(inet_ntop(family, address, text, ROOM));
	from_text(text);
	for (int faults = (int)below(3); faults; faults--)
		text[below(strlen(text) + 1)] = "0123456789abcdefF:.x g"[below(22)];
	text[ROOM - 1] = 0;
	from_text(text);
}

static const char *const texts[] = {
    "",
    "0",
    "1.2.3.4",
    "1.2.3.4 ",
    "1.2.3.4x",
    "01.2.3.4",
    "1.2.3",
    "0x7f.1",
    "256.1.1.1",
    "1.2.3.4.5",
    "1..2.3",
    "::",
    ":::",
    "::1",
    "1::",
    "1::2::3",
    ":1",
    "1:",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8",
    "1::8:",
    "::g",
    "12345::",
    "1:2:3:4:5:6:7::",
    "::1:2:3:4:5:6:7:8",
    "::1.2.3.4",
    "::ffff:1.2.3.4",
    "1:2:3:4:5:6:1.2.3.4",
    "1:2:3:4:5:6:7:1.2.3.4",
    "::1.2.3",
    "::1.2.3.04",
    "1.2.3.4::",
    "0000:00:0::0",
    "::FFFF:255.255.255.255",
    "4294967295",
};

static time_t some_time(void)
{
	switch (below(5)) {
	case 0:
		return (time_t)below(200) - 100;
	case 1:
		return (time_t)any() >> below(64);
	case 2: /* the ends of years, and of days */
		return (time_t)(below(20000) - 10000) * 31556952 + (time_t)below(5) - 2;
	case 3:
		return (time_t)(below(4000000) - 2000000) * 86400 - (time_t)below(2);
	default:
		return (time_t)below(4102444800u);
	}
}

static void same_calendar(time_t time)
{
	struct tm a = {0}, b = {0};
	struct tm *by_form, *by_library;
	int error;

	errno = 0;
	by_form = lp_form_gmtime_r(&time, &a);
	error = errno;
	errno = 0;
	by_library = gmtime_r(&time, &b);
	CHECK((by_form == &a) == (by_library == &b) && (by_form == NULL) == (by_library == NULL));
	CHECK(error == errno);
	if (memcmp(&a, &b, sizeof(a))) {
		fprintf(stderr, "gmtime_r(%ld) differs\n", time);
		exit(1);
	}
}

static void calendar(void)
{
	/* The first one is the library's: the next is not. */
	same_calendar(0);
	same_calendar(time(NULL));
	CHECK(lp_form_library.greenwich && !strcmp(lp_form_library.greenwich, "GMT"));
	for (time_t day = -800000; day < 3000000; day += 1 + (time_t)below(60))
		same_calendar(day * 86400 + (time_t)below(86400));
	for (int round = 0; round < ROUNDS; round++)
		same_calendar(some_time());
	same_calendar(INT64_MAX);
	same_calendar(INT64_MIN);
	same_calendar(67768036191676799);
	same_calendar(67768036191676800);
	same_calendar(-67768040609740800);
	same_calendar(-67768040609740801);
}

/* With each way to round. */
static void differences(void)
{
	static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};

	for (int round = 0; round < ROUNDS; round++) {
		time_t a = below(2) ? some_time() : (time_t)any(), b = some_time();

		CHECK(!fesetround(modes[round % 4]));
		CHECK(lp_form_difftime(a, b) == difftime(a, b));
		CHECK(lp_form_difftime(b, a) == difftime(b, a));
		CHECK(lp_form_difftime(a, a) == 0);
	}
	CHECK(!fesetround(FE_TONEAREST));
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	fill_arenas(256);
	CHECK(lp_form_htonl(0x01020304) == 0x04030201 && lp_form_ntohl(0x01020304) == 0x04030201);
	CHECK(lp_form_htons(0xff02) == 0x02ff && lp_form_ntohs(0xff02) == 0x02ff);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		from_text(texts[i]);
	for (int round = 0; round < ROUNDS; round++)
		some_address();
	calendar();
	differences();
	return 0;
}
