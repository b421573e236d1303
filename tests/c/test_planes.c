/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of samples to planes and back: every table that runs here, any number of channels and length of row, against the
 * formulas written out, to the last bit.
 */
#include "kernels/kernels.h"

#include "check.h"
#include "vdcore/vdcore.h"

#include <math.h>
#include <string.h>

enum { LONGEST = 70, MOST = 5, ROOM = LONGEST * MOST + 1 };

static uint64_t seed = 1;
static double zero[MOST];

static double uniform(void) { return (double)(check_random(&seed) >> 11) / 9007199254740992.0; }

#define SPLIT_CHECK(FROM, T, S, RANGE, IS_REAL)                                                                        \
    static void check_split_##S(const vd_planes_kernels *k, int channels, int n)                                       \
    {                                                                                                                  \
        static FROM row[ROOM];                                                                                         \
        static T out[LONGEST + 1];                                                                                     \
        for (int i = 0; i < ROOM; i++)                                                                                 \
            row[i] = (FROM)(uniform() * RANGE);                                                                        \
        for (int c = 0; c < channels; c++) {                                                                           \
            T first = (T)row[c], less = first;                                                                         \
            out[n] = 7;                                                                                                \
            CHECK(!k->split_##S(out, row + c, less, channels, n));                                                     \
            for (int x = 0; x < n; x++)                                                                                \
                CHECK(out[x] == (T)((double)row[x * channels + c] - (double)less));                                    \
            CHECK(out[n] == 7);                                                                                        \
        }                                                                                                              \
        for (int x = 0; IS_REAL && x < n; x += 9) {                                                                    \
            FROM kept = row[x * channels];                                                                             \
            row[x * channels] = (FROM)(IS_REAL ? NAN : 0);                                                             \
            CHECK(k->split_##S(out, row, 1, channels, n) && isnan(out[x]));                                            \
            CHECK(channels == 1 || !k->split_##S(out, row + 1, 1, channels, n));                                       \
            row[x * channels] = kept;                                                                                  \
        }                                                                                                              \
    }

SPLIT_CHECK(uint8_t, float, u8, 256, 0)
SPLIT_CHECK(uint16_t, float, u16, 65536, 0)
SPLIT_CHECK(float, float, f32, 1e6, 1)
SPLIT_CHECK(double, double, f64, 1e6, 1)

#define JOIN_CHECK(T, S)                                                                                               \
    static void check_join_##S(const vd_planes_kernels *k, int channels, int n)                                        \
    {                                                                                                                  \
        enum { AT = 3 };                                                                                               \
        static T planes[MOST][LONGEST + AT], weights[LONGEST], out[ROOM];                                              \
        void *sums[MOST];                                                                                              \
        for (int c = 0; c < MOST; c++) {                                                                               \
            sums[c] = planes[c];                                                                                       \
            for (int x = 0; x < LONGEST + AT; x++)                                                                     \
                planes[c][x] = (T)(uniform() - 0.5);                                                                   \
        }                                                                                                              \
        for (int x = 0; x < LONGEST; x++)                                                                              \
            weights[x] = (T)(0.1 + uniform());                                                                         \
        for (int weighted = 0; weighted < 2; weighted++) {                                                             \
            out[n * channels] = 7;                                                                                     \
            k->join_##S(out, sums, AT, weighted ? weights : NULL, zero, channels, n);                                  \
            for (int i = 0; i < n * channels; i++) {                                                                   \
                T sum = planes[i % channels][AT + i / channels];                                                       \
                T mean = weighted ? sum / weights[i / channels] : sum;                                                 \
                CHECK(out[i] == (T)((T)zero[i % channels] + mean));                                                    \
            }                                                                                                          \
            CHECK(out[n * channels] == 7);                                                                             \
        }                                                                                                              \
    }

JOIN_CHECK(float, f32)
JOIN_CHECK(double, f64)

int main(void)
{
    const char *names[8];
    int32_t runnable = vd_instruction_sets(names, 8);
    for (int c = 0; c < MOST; c++)
        zero[c] = 100 * uniform();
    for (int32_t i = 0; i < runnable; i++) {
        vd_kernels set;
        vd_kernels_limited(&set, names[i]);
        for (int channels = 1; channels <= MOST; channels++)
            for (int n = 0; n <= LONGEST; n += n < 36 ? 1 : 17) {
                check_split_u8(&set.planes, channels, n);
                check_split_u16(&set.planes, channels, n);
                check_split_f32(&set.planes, channels, n);
                check_split_f64(&set.planes, channels, n);
                check_join_f32(&set.planes, channels, n);
                check_join_f64(&set.planes, channels, n);
            }
    }
    return check_result();
}
