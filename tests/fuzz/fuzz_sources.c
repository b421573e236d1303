/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scattered sources at drawn positions, and the adjoint. A call that fails writes nothing; scattering into any layout gives
 * the bits of a contiguous field; and <S c, f> = <c, S' f> as far as rounding allows.
 */
#include "draw.h"

enum { MAX_SOURCES = 24 };

typedef struct drawn_sources {
    vd_sources sources;
    double *positions, *sigmas, *coefficients, *values;
    size_t count;
} drawn_sources;

static double *doubles(size_t count)
{
    double *values = calloc(count + (count == 0), sizeof *values);
    REQUIRE(values != NULL);
    return values;
}

static drawn_sources draw_sources(draw *d, int64_t height, int64_t width, int64_t channels)
{
    drawn_sources s = {.count = draw_below(d, MAX_SOURCES)};
    REQUIRE(vd_sources_init(&s.sources, sizeof s.sources) == VD_OK);
    uint32_t kind = draw_below(d, 16);
    double widest = kind & 1 ? 3 : 40;
    s.positions = doubles(2 * s.count);
    s.coefficients = doubles(s.count * (size_t)channels);
    s.values = doubles(s.count * (size_t)channels);
    if (kind & 2)
        s.sigmas = doubles(2 * s.count);
    for (size_t i = 0; i < s.count; i++) {
        s.positions[2 * i] = draw_real(d, (double)height + 8) - 4;
        s.positions[2 * i + 1] = draw_real(d, (double)width + 8) - 4;
        for (size_t c = 0; c < (size_t)channels; c++)
            s.coefficients[i * (size_t)channels + c] = draw_real(d, 2) - 1;
        if (s.sigmas != NULL) {
            s.sigmas[2 * i] = draw_real(d, widest);
            s.sigmas[2 * i + 1] = draw_real(d, widest);
        }
    }
    s.sources.count = s.count;
    s.sources.positions = s.positions;
    s.sources.sigmas = s.sigmas;
    s.sources.sigma_y = draw_real(d, widest);
    s.sources.sigma_x = draw_real(d, widest);
    if (kind & 4)
        s.sources.eps = draw_real(d, 1);
    if (kind & 8)
        s.sources.eps = pow(10, -(double)draw_below(d, 20));
    s.sources.threads = 1;
    return s;
}

static void free_sources(drawn_sources *s)
{
    free(s->positions);
    free(s->sigmas);
    free(s->coefficients);
    free(s->values);
}

/* <S c, f> and <c, S' f>, with the sum of the absolute products as the scale of rounding. */
static void check_adjoint(const drawn_sources *s, const vd_image *spread, const vd_image *field)
{
    double one = 0, other = 0, scale = 0;
    for (int64_t y = 0; y < field->height; y++)
        for (int64_t x = 0; x < field->width; x++)
            for (int64_t c = 0; c < field->channels; c++) {
                double product = get_sample(spread, y, x, c) * get_sample(field, y, x, c);
                one += product;
                scale += fabs(product);
            }
    for (size_t i = 0; i < s->count * (size_t)field->channels; i++) {
        other += s->coefficients[i] * s->values[i];
        scale += fabs(s->coefficients[i] * s->values[i]);
    }
    double total = 0;
    for (size_t i = 0; i < s->count * (size_t)field->channels; i++)
        total += fabs(s->coefficients[i]);
    REQUIRE(!(scale < 1e15) || fabs(one - other) <= 1e-10 * (scale + total));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    draw d = {data, size};
    int64_t height = 1 + draw_below(&d, 24), width = 1 + draw_below(&d, 48), channels = 1 + draw_below(&d, 4);
    int32_t dtype = draw_rarely(&d, 16) ? VD_U8 : draw_below(&d, 2) ? VD_F32 : VD_F64;
    choose_instruction_set(draw_below(&d, 4));
    drawn_sources s = draw_sources(&d, height, width, channels);
    bool zero = draw_below(&d, 2) != 0;
    drawn_image field = draw_layout(&d, dtype, height, width, channels, false);
    if (!zero)
        draw_samples(&d, &field.view, true);
    drawn_image plain = contiguous_copy(&field.view), before = contiguous_copy(&field.view);

    vd_status status = vd_sources_scatter(&s.sources, s.coefficients, &field.view);
    REQUIRE(vd_sources_scatter(&s.sources, s.coefficients, &plain.view) == status);
    REQUIRE(same_samples(&field.view, &plain.view));
    if (status != VD_OK)
        REQUIRE(same_samples(&field.view, &before.view));

    drawn_image seen = draw_layout(&d, dtype, height, width, channels, true);
    draw_samples(&d, &seen.view, draw_rarely(&d, 4));
    vd_status gathered = vd_sources_gather(&s.sources, &seen.view, s.values);
    if (status == VD_OK && gathered == VD_OK && zero && dtype == VD_F64)
        check_adjoint(&s, &plain.view, &seen.view);

    free_image(&field);
    free_image(&plain);
    free_image(&before);
    free_image(&seen);
    free_sources(&s);
    return 0;
}
