/* SPDX-License-Identifier: GPL-2.0-only */
/* Instructions that compilers write only when asked: by intrinsics, and for extensions. */
#include <immintrin.h>
#include <stdint.h>
#include <x86intrin.h>

char area[1024] __attribute__((aligned(64)));

void flags(unsigned long f)
{
	__writeeflags(f);
}

unsigned long read_flags(void)
{
	return __readeflags();
}

void base(unsigned long g)
{
	_writegsbase_u64(g);
	_writefsbase_u64(g);
}

unsigned long read_base(void)
{
	return _readgsbase_u64() + _readfsbase_u64();
}

void state(void)
{
	_fxsave64(area);
	_fxrstor64(area);
	_xsave64(area, 3);
	_xrstor64(area, 3);
	_mm_setcsr(_mm_getcsr());
}

unsigned long counters(void)
{
	unsigned int which;

	return __rdtsc() + __rdtscp(&which) + which;
}

void mask(__m128i a, __m128i m, char *p)
{
	_mm_maskmoveu_si128(a, m, p);
}

unsigned long wide(unsigned long a, unsigned long b)
{
	unsigned __int128 r = (unsigned __int128)a * b;

	return (unsigned long)(r >> 64) ^ (unsigned long)r;
}

unsigned long wide_sum(unsigned long *a, const unsigned long *b)
{
	unsigned char carry = _addcarry_u64(0, a[0], b[0], (unsigned long long *)&a[0]);

	carry = _addcarry_u64(carry, a[1], b[1], (unsigned long long *)&a[1]);
	return carry;
}

long swap(__int128 *v, __int128 o, __int128 n)
{
	return (long)__sync_val_compare_and_swap(v, o, n);
}

unsigned long bits(unsigned long a, unsigned long b, unsigned int n)
{
	a = _pdep_u64(a, b) ^ _pext_u64(b, a);
	a ^= _bzhi_u64(a, n) + _blsr_u64(b) + _blsi_u64(b) + _blsmsk_u64(b) + _andn_u64(a, b);
	a += __builtin_ctzl(a) + __builtin_clzl(b | 1) + __builtin_popcountl(a);
	a = a << n | a >> (64 - n);
	a = __builtin_bswap64(a) + (b >> n) + ((long)a >> n);
	return _bextr_u64(a, 3, n) + _lrotl(b, 7);
}

int random_bits(unsigned long *out)
{
	return _rdrand64_step((unsigned long long *)out);
}

unsigned int sums(const unsigned char *p, unsigned int n)
{
	unsigned int crc = 0;

	while (n--)
		crc = _mm_crc32_u8(crc, *p++);
	return _mm_crc32_u64(crc, n);
}

int text(__m128i a, __m128i b)
{
	return _mm_cmpistri(a, b, 0) + _mm_cmpestri(a, 3, b, 4, 0) + _mm_cmpistrz(a, b, 0) +
	       _mm_testz_si128(a, b) + _mm_extract_epi32(a, 1) + _mm_movemask_epi8(b);
}

__m128i mixed(__m128i a, __m128i b, long n, const __m128i *p)
{
	a = _mm_shuffle_epi8(a, b);
	a = _mm_insert_epi64(a, n, 1);
	a = _mm_blendv_epi8(a, b, _mm_cmpgt_epi64(a, b));
	a = _mm_mullo_epi32(a, _mm_packus_epi32(a, b));
	_mm_stream_si128((__m128i *)area, _mm_stream_load_si128((__m128i *)p));
	_mm_stream_si64((long long *)area, n);
	_mm_prefetch(area, _MM_HINT_T0);
	return _mm_add_epi64(a, _mm_slli_epi64(b, 3));
}

double real(double a, float b, long n, __m128d c)
{
	c = _mm_round_pd(_mm_hadd_pd(c, c), _MM_FROUND_TO_ZERO);
	return a * b + (double)n + __builtin_sqrt(a) + _mm_cvtsd_f64(c) + (a < b);
}

long to_integer(double a, float b)
{
	return (long)a + (int)b + __builtin_signbit(a);
}

long double extended(long double a, long n)
{
	return a * n + __builtin_sqrtl(a);
}

int clamps(int a, int b, unsigned int c, int *p)
{
	*p = a < b ? a : b;
	return __builtin_add_overflow(a, b, p) + (c > 7 ? a : b) + (a % (b | 1)) + (int)(c / 10);
}

struct big {
	char text[4096];
};

void copy(struct big *to, const struct big *from, int n)
{
	*to = *from;
	__builtin_memset(to, 0, sizeof(*to));
	__builtin_memcpy(to, from, n);
}

unsigned long long mixed_words(uint16_t a, uint8_t b, int8_t c, uint16_t *p, uint64_t *set, int n)
{
	*p = (uint16_t)(a << 8 | a >> 8);
	set[n >> 6] |= 1ULL << (n & 63);
	__atomic_fetch_add(set, n, __ATOMIC_SEQ_CST);
	__atomic_fetch_xor(set, n, __ATOMIC_SEQ_CST);
	return (uint16_t)(a * b) + c / 3 + __atomic_exchange_n(p, b, __ATOMIC_ACQ_REL) +
	       (set[0] >> n & 1) + __sync_bool_compare_and_swap(p, a, b);
}

#ifdef __clang__
#define APART
#else
#define APART __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif
APART int compare(const char *a, const char *b, int n)
{
	return __builtin_memcmp(a, b, n) + (int)__builtin_strlen(a);
}
