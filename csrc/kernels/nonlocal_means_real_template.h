/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Template: the kernels of nonlocal_means.h for one real type.
 *
 * Takes REAL, SUFFIX and INTEGER, of the size of REAL, and undefines them; VD_TARGET is the attribute that selects the
 * instruction set.
 */
#if !defined(REAL) || !defined(SUFFIX) || !defined(INTEGER) || !defined(VD_TARGET)
#error "define REAL, SUFFIX and VD_TARGET before including nonlocal_means_real_template.h"
#endif
#define PASTE2(a, b) a##_##b
#define PASTE(a, b) PASTE2(a, b)
#define NAME(name) PASTE(nlm_##name, SUFFIX)
#define WHOLE(n) (((n) + VD_NLM_STEP - 1) / VD_NLM_STEP * VD_NLM_STEP)

static inline VD_TARGET REAL NAME(square)(REAL a) { return a * a; }

static inline VD_TARGET REAL NAME(square3)(const REAL *a, const REAL *b, size_t plane)
{
    return (NAME(square)(a[0] - b[0]) + NAME(square)(a[plane] - b[plane])) + NAME(square)(a[2 * plane] - b[2 * plane]);
}

/* One and three channels with running sums, all present, take one pass. */
static VD_TARGET void NAME(difference1)(REAL *restrict out, REAL *restrict running, const REAL *restrict a,
                                        const REAL *restrict b, size_t plane, size_t channels,
                                        const REAL *restrict present_a, const REAL *restrict present_b, size_t n)
{
    bool both = running != NULL && present_a == NULL && (channels == 1 || channels == 3);
    if (both && channels == 1)
        for (size_t i = 0; i < n; i++) {
            REAL d = NAME(square)(a[i] - b[i]);
            running[i] += d - out[i];
            out[i] = d;
        }
    else if (both)
        for (size_t i = 0; i < n; i++) {
            REAL d = NAME(square3)(a + i, b + i, plane);
            running[i] += d - out[i];
            out[i] = d;
        }
    if (both)
        return;
    for (size_t i = 0; running != NULL && i < n; i++)
        running[i] -= out[i];
    if (channels == 3) {
        for (size_t i = 0; i < n; i++)
            out[i] = NAME(square3)(a + i, b + i, plane);
    } else {
        for (size_t i = 0; i < n; i++)
            out[i] = NAME(square)(a[i] - b[i]);
        for (size_t c = 1; c < channels; c++) {
            const REAL *restrict a1 = a + c * plane, *restrict b1 = b + c * plane;
            for (size_t i = 0; i < n; i++)
                out[i] += NAME(square)(a1[i] - b1[i]);
        }
    }
    if (present_a != NULL)
        for (size_t i = 0; i < n; i++)
            out[i] = present_a[i] * present_b[i] > 0 ? out[i] : 0;
    for (size_t i = 0; running != NULL && i < n; i++)
        running[i] += out[i];
}

static VD_TARGET void NAME(difference)(REAL *const out[VD_NLM_PAIRS], REAL *const running[VD_NLM_PAIRS], const REAL *a,
                                       const REAL *b, size_t plane, size_t channels, const REAL *present_a,
                                       const REAL *present_b, size_t pairs, size_t n)
{
    for (size_t g = 0; g < pairs; g++)
        NAME(difference1)(out[g], running != NULL ? running[g] : NULL, a, b + g, plane, channels, present_a,
                          present_a != NULL ? present_b + g : NULL, WHOLE(n));
}

static VD_TARGET void NAME(products)(REAL *restrict out, const REAL *restrict a, const REAL *restrict b, size_t pitch,
                                     size_t count, size_t n)
{
    n = WHOLE(n);
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] * b[i];
    for (size_t r = 1; r < count; r++)
        for (size_t i = 0; i < n; i++)
            out[i] += a[i + r * pitch] * b[i + r * pitch];
}

static inline VD_TARGET REAL NAME(three)(const REAL *at, size_t pitch) { return at[0] + at[pitch] + at[2 * pitch]; }

static inline VD_TARGET REAL NAME(five)(const REAL *at, size_t pitch)
{
    return ((at[0] + at[pitch]) + (at[2 * pitch] + at[3 * pitch])) + at[4 * pitch];
}

/* One, three or five, then four at a time. */
static VD_TARGET void NAME(mask)(REAL *restrict samples, REAL *restrict values, const REAL *restrict confidence,
                                 const REAL *restrict present, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        samples[i] = present[i] > 0 ? samples[i] : 0;
        values[i] = confidence[i] * samples[i];
    }
}

static VD_TARGET void NAME(scales)(REAL *restrict out, const REAL *restrict count, REAL factor, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = count[i] > 0 ? factor / count[i] : 0;
}

static VD_TARGET void NAME(sum)(REAL *restrict out, const REAL *restrict rows, size_t pitch, size_t count, size_t n)
{
    size_t r = count == 1 ? 1 : count % 4 == 1 ? 5 : 3;
    n = WHOLE(n);
    if (r == 1)
        for (size_t i = 0; i < n; i++)
            out[i] = rows[i];
    else if (r == 3)
        for (size_t i = 0; i < n; i++)
            out[i] = NAME(three)(rows + i, pitch);
    else
        for (size_t i = 0; i < n; i++)
            out[i] = NAME(five)(rows + i, pitch);
    for (; r < count; r += 4) {
        const REAL *restrict r0 = rows + r * pitch, *restrict r1 = r0 + pitch, *restrict r2 = r1 + pitch,
                             *restrict r3 = r2 + pitch;
        for (size_t i = 0; i < n; i++)
            out[i] += (r0[i] + r1[i]) + (r2[i] + r3[i]);
    }
}

/* The maximum with 0 is one of integers, because compilers do not make vectors of the other kind. */
static inline VD_TARGET REAL NAME(weight)(REAL distance, REAL scale, REAL offset, REAL gain)
{
    REAL excess = distance * scale - offset;
    INTEGER order;
    memcpy(&order, &excess, sizeof order);
    order = order > 0 ? order : 0;
    memcpy(&excess, &order, sizeof excess);
    return gain * PASTE(vd_exp2, SUFFIX)(-excess);
}

static VD_TARGET void NAME(weights)(REAL *restrict out, const REAL *restrict row, size_t size,
                                    const REAL *restrict scale, bool alike, REAL offset, REAL gain, bool coarse,
                                    REAL *restrict scratch, size_t n)
{
    (void)alike;
    (void)coarse;
    n = WHOLE(n);
    if (size == 3) {
        for (size_t i = 0; i < n; i++)
            out[i] = NAME(weight)(NAME(three)(row + i, 1), scale[i], offset, gain);
    } else if (size == 5) {
        for (size_t i = 0; i < n; i++)
            out[i] = NAME(weight)(NAME(five)(row + i, 1), scale[i], offset, gain);
    } else {
        NAME(sum)(scratch, row, 1, size, n);
        for (size_t i = 0; i < n; i++)
            out[i] = NAME(weight)(scratch[i], scale[i], offset, gain);
    }
}

/* Too many rows for a compiler to make sure that none is written where another is read. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define INDEPENDENT _Pragma("GCC ivdep")
#else
#define INDEPENDENT
#endif

/* The terms of sample i of a sum. */
static inline VD_TARGET REAL NAME(terms)(const REAL *const w[VD_NLM_PAIRS], const REAL *v, ptrdiff_t step, size_t i)
{
    return ((w[0][i] * v[i] + w[1][i] * (v + step)[i]) + (w[2][i] * (v + 2 * step)[i] + w[3][i] * (v + 3 * step)[i])) +
           (w[4][i] * (v + 4 * step)[i] + w[5][i] * (v + 5 * step)[i]);
}

/* The total with the first plane, or with three, so that weights are not read once more. */
static VD_TARGET void NAME(accumulate)(REAL *restrict sums, size_t plane, REAL *restrict total,
                                       const REAL *const weights[VD_NLM_PAIRS], const REAL *values, size_t value_plane,
                                       ptrdiff_t step, size_t pairs, size_t channels, size_t n)
{
    const REAL *const w[VD_NLM_PAIRS] = {weights[0], weights[1], weights[2], weights[3], weights[4], weights[5]};
    const REAL *v = values, *v1 = v + value_plane, *v2 = v1 + value_plane;
    REAL *restrict sum1 = sums + plane, *restrict sum2 = sum1 + plane;
    size_t c = total == NULL ? 0 : channels == 3 ? 3 : 1;
    (void)pairs;
    n = WHOLE(n);
    if (c == 3) {
        INDEPENDENT
        for (size_t i = 0; i < n; i++) {
            sums[i] += NAME(terms)(w, v, step, i);
            sum1[i] += NAME(terms)(w, v1, step, i);
            sum2[i] += NAME(terms)(w, v2, step, i);
            total[i] += ((w[0][i] + w[1][i]) + (w[2][i] + w[3][i])) + (w[4][i] + w[5][i]);
        }
    } else if (c == 1) {
        INDEPENDENT
        for (size_t i = 0; i < n; i++) {
            sums[i] += NAME(terms)(w, v, step, i);
            total[i] += ((w[0][i] + w[1][i]) + (w[2][i] + w[3][i])) + (w[4][i] + w[5][i]);
        }
    }
    for (; c < channels; c++) {
        REAL *restrict sum = sums + c * plane;
        const REAL *value = values + c * value_plane;
        INDEPENDENT
        for (size_t i = 0; i < n; i++)
            sum[i] += NAME(terms)(w, value, step, i);
    }
}

#undef INDEPENDENT
#undef WHOLE
#undef NAME
#undef PASTE
#undef PASTE2
#undef REAL
#undef SUFFIX
#undef INTEGER
