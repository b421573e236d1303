/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of samples to double and back, blended and spread: every table that runs here, any length of row, against the formulas
 * written out, to the last bit.
 */
#include "kernels/kernels.h"

#include "check.h"

#include <math.h>
#include <string.h>

enum { LONGEST = 70, ROOM = LONGEST + 1 };

static uint64_t seed = 1;

static double uniform(void) { return (double)(check_random(&seed) >> 11) / 9007199254740992.0; }

/* Beyond the range on either side, ties, not a number. */
static double value_of(int i, double range)
{
    double special[] = {-1, -0.5, 0, 0.5, 1.5, 2.5, range - 0.5, range + 0.5, range + 1e9, NAN, INFINITY, -INFINITY};
    return i % 3 == 0 ? special[i / 3 % 12] : (uniform() * 1.2 - 0.1) * range;
}

static double rounded(double x, double range) { return !(x > 0) ? 0 : x > range ? range : nearbyint(x); }

#define CHECK_TYPE(T, NAME, RANGE, EXPECTED)                                                                           \
    static void check_##NAME(const vd_samples_kernels *k, int dtype, int n)                                            \
    {                                                                                                                  \
        static T out[ROOM], frame[ROOM], old[ROOM];                                                                    \
        static double row[ROOM], share[ROOM], back[ROOM];                                                              \
        memset(out, 7, sizeof out);                                                                                    \
        memset(old, 7, sizeof old);                                                                                    \
        back[n] = 7;                                                                                                   \
        for (int i = 0; i < n; i++) {                                                                                  \
            row[i] = value_of(i, RANGE);                                                                               \
            share[i] = i % 4 == 0 ? 0 : i % 4 == 1 ? 1 : uniform();                                                    \
        }                                                                                                              \
        k->from_f64[dtype](out, row, n);                                                                               \
        k->to_f64[dtype](back, out, n);                                                                                \
        for (int i = 0; i < n; i++) {                                                                                  \
            double x = row[i], expected = EXPECTED;                                                                    \
            CHECK(isnan(expected) ? isnan(back[i]) : back[i] == expected);                                             \
        }                                                                                                              \
        CHECK(back[n] == 7 && memcmp(out + n, old, sizeof *out) == 0);                                                 \
        for (int i = 0; i < n; i++) {                                                                                  \
            frame[i] = (T)(uniform() * RANGE);                                                                         \
            out[i] = old[i] = (T)(uniform() * RANGE);                                                                  \
        }                                                                                                              \
        k->blend[dtype](out, frame, share, n);                                                                         \
        for (int i = 0; i < n; i++) {                                                                                  \
            double x = (double)frame[i] + share[i] * ((double)old[i] - (double)frame[i]);                              \
            double mixed = EXPECTED, expected = share[i] == 0 ? frame[i] : share[i] == 1 ? old[i] : mixed;             \
            CHECK((double)out[i] == expected);                                                                         \
        }                                                                                                              \
        k->blend[dtype](old, old, share, n); /* in place */                                                            \
    }

CHECK_TYPE(uint8_t, u8, 255, rounded(x, 255))
CHECK_TYPE(uint16_t, u16, 65535, rounded(x, 65535))
CHECK_TYPE(float, f32, 1, (double)(float)x)
CHECK_TYPE(double, f64, 1, x)

static void check_shares(const vd_samples_kernels *k, int n)
{
    static uint8_t bytes[ROOM];
    static double shares[ROOM], wide[3 * ROOM];
    for (int i = 0; i < n; i++)
        bytes[i] = (uint8_t)(check_random(&seed) >> 56);
    k->to_share[VD_U8](shares, bytes, n);
    for (int i = 0; i < n; i++)
        CHECK(shares[i] == bytes[i] / 255.0);
    CHECK(!k->outside_unit(shares, n));
    for (int channels = 1; channels <= 3; channels++) {
        memcpy(wide, shares, sizeof shares);
        k->spread(wide, n, channels);
        for (int i = 0; i < n * channels; i++)
            CHECK(wide[i] == shares[i / channels]);
    }
    static const double outside[] = {-1e-9, 1 + 1e-9, NAN, INFINITY};
    for (int i = 0; i < n; i++) {
        double kept = shares[i];
        shares[i] = outside[i % 4];
        CHECK(k->outside_unit(shares, n));
        shares[i] = kept;
    }
}

static void check_fixed_point(const vd_samples_kernels *k, int n)
{
    static uint16_t row[ROOM];
    static double wide[ROOM], own_wide[ROOM];
    static float own[ROOM], single[ROOM];
    static uint16_t fixed[ROOM];
    static uint8_t bytes[ROOM];
    for (int i = 0; i < n; i++) {
        row[i] = (uint16_t)(check_random(&seed) >> 48);
        own[i] = (float)(own_wide[i] = (float)uniform());
    }
    k->fixed_to_f64(wide, row, n);
    for (int i = 0; i < n; i++)
        CHECK(wide[i] == row[i] / 256.0);
    for (int i = 0; i < n; i++)
        bytes[i] = (uint8_t)row[i];
    k->u8_to_fixed(fixed, bytes, n);
    for (int i = 0; i < n; i++)
        CHECK(fixed[i] == 256 * bytes[i]);
    memcpy(single, own, sizeof single);
    k->add_f32(single, own, n);
    for (int i = 0; i < n; i++)
        CHECK(single[i] == 2 * own[i]);
    memcpy(wide, own_wide, sizeof wide);
    memcpy(single, own, sizeof single);
    k->dither_f64(wide, row, n);
    k->dither_f32(single, row, n);
    for (int i = 0; i < n; i++) {
        float threshold = (float)row[i] / 256 - 0.5f;
        CHECK(wide[i] == own_wide[i] + (row[i] / 256.0 - 0.5));
        CHECK(single[i] == own[i] + threshold);
    }
}

int main(void)
{
    const char *names[8];
    int32_t runnable = vd_instruction_sets(names, 8);
    for (int32_t i = 0; i < runnable; i++) {
        vd_kernels set;
        vd_kernels_limited(&set, names[i]);
        for (int n = 0; n <= LONGEST; n++) {
            check_u8(&set.samples, VD_U8, n);
            check_u16(&set.samples, VD_U16, n);
            check_f32(&set.samples, VD_F32, n);
            check_f64(&set.samples, VD_F64, n);
            check_shares(&set.samples, n);
            check_fixed_point(&set.samples, n);
        }
    }
    return check_result();
}
