/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of drawn calls to a diffuser, and the promises that hold whatever is drawn:
 *
 *   - a call that fails changes neither its outputs nor the diffuser (its saved state is compared; after failed
 *     allocations, which may have prepared for the frame, the same push must give what it would have given);
 *   - a twin that gets the same frames one by one, contiguous, gives the same bits, whatever layouts, batches, copies and
 *     saved states the first diffuser goes through; for the linear model on 8- and 16-bit samples on another
 *     instruction set, too.
 */
#ifndef VDCORE_FUZZ_STREAM_H
#define VDCORE_FUZZ_STREAM_H

#include "states.h"

enum { MAX_STEPS = 24, MAX_BATCH = 4 };

/* A gate, and a flow that follows from what the two frames show; now and then it fails. */
typedef struct drawn_motion {
    bool gated, moving;
    vd_noise noise;
    double gain[4], offset[4];
    uint64_t salt;
    uint32_t kind;
} drawn_motion;

typedef struct stream {
    draw *d;
    drawn_motion motion; /* all zero: the linear model in time */
    vd_params params;
    vd_diffuser *one, *twin;
    bool compared; /* one and twin have taken the same frames */
    int32_t dtype;
    int64_t height, width, channels;
} stream;

/* ---- parameters ---- */

/* Whether a frame would take much longer than a millisecond: large work that was asked for is no fault. */
static inline bool takes_long(const vd_params *p, double pixels)
{
    bool open = p->boundary == VD_BOUNDARY_RENORMALIZE;
    double y = floor(p->truncate * p->sigma_y + 0.5), x = floor(p->truncate * p->sigma_x + 0.5);
    double sigma = fmax(p->sigma_y, p->sigma_x), most = 16777216; /* radii beyond are refused */
    if (p->lookahead > 8 || p->search > 16 || p->patch > 8)
        return p->model == VD_MODEL_NONLOCAL_MEANS || p->lookahead > 8;
    switch (p->model) {
    case VD_MODEL_GAUSSIAN: return !open && ((y > 150 && y <= most) || (x > 150 && x <= most));
    case VD_MODEL_BILATERAL: return !open && ((2 * y + 1) * (2 * x + 1) * pixels > 1e5);
    case VD_MODEL_LAPLACIAN: return sigma * sigma * p->diffusivity > 1e4;
    case VD_MODEL_PERONA_MALIK: return sigma > 16;
    default: return false;
    }
}

/* `models`: of the models that depend on the picture. */
static inline vd_params draw_params(draw *d, bool models, double pixels)
{
    vd_params whole;
    REQUIRE(vd_params_init(&whole, sizeof whole) == VD_OK);
    if (!models && draw_rarely(d, 8)) /* an older caller's */
        whole.struct_size = offsetof(vd_params, range_sigma);
    uint32_t kind = draw_below(d, 8);
    double widest = kind < 4 ? 3 : kind < 6 ? 12 : 100;
    whole.sigma_y = draw_real(d, widest);
    whole.sigma_x = draw_below(d, 2) ? whole.sigma_y : draw_real(d, widest);
    whole.tau = draw_rarely(d, 4) ? (draw_below(d, 2) ? INFINITY : 0) : draw_real(d, kind % 2 ? 1000 : 5);
    if (draw_rarely(d, 4))
        whole.truncate = draw_real(d, 6);
    whole.boundary = (int32_t)draw_below(d, 4);
    whole.cval = draw_below(d, 2) ? (double)draw_below(d, 256) : draw_real(d, 300);
    whole.fill = (int32_t)draw_below(d, 2);
    whole.fill_value = draw_real(d, 300);
    if (draw_rarely(d, 3))
        whole.tolerance = draw_below(d, 2) ? pow(10, -(double)draw_below(d, 17)) : draw_double(d);
    if (draw_rarely(d, 4))
        whole.dt = draw_real(d, 10);
    whole.normalize = models || !draw_rarely(d, 4);
    whole.lookahead = draw_rarely(d, 3) ? (int32_t)draw_below(d, 6) : 0;
    whole.dither = draw_rarely(d, 3);
    whole.threads = 1;
    if (models) {
        whole.model = 1 + (int32_t)draw_below(d, VD_MODEL_COUNT - 1);
        whole.range_sigma = draw_real(d, kind % 2 ? 60 : 1);
        whole.strength = draw_real(d, kind % 2 ? 60 : 1);
        whole.noise = draw_real(d, kind % 2 ? 30 : 1);
        whole.contrast = draw_real(d, kind % 2 ? 30 : 1);
        whole.diffusivity = draw_rarely(d, 2) ? draw_real(d, 3) : 1;
        whole.patch = (int32_t)draw_below(d, 5);
        whole.search = 1 + (int32_t)draw_below(d, 6);
        whole.diffusivity_function = (int32_t)draw_below(d, 2);
    }
    if (draw_rarely(d, 32)) { /* an integer out of range */
        int32_t *members[] = {
            &whole.model,  &whole.normalize, &whole.boundary, &whole.fill,   &whole.lookahead,
            &whole.dither, &whole.threads,   &whole.patch,    &whole.search, &whole.diffusivity_function};
        uint32_t which = draw_below(d, sizeof members / sizeof *members);
        *members[which] = (int32_t)draw_bits(d, 4);
        if (which == 6 && whole.threads > 1) /* no threads here */
            whole.threads = 1;
    }
    if (takes_long(&whole, pixels)) {
        whole.sigma_y = fmin(whole.sigma_y, 2);
        whole.sigma_x = fmin(whole.sigma_x, 2);
        whole.truncate = fmin(whole.truncate, 4);
        whole.diffusivity = fmin(whole.diffusivity, 2);
        whole.lookahead = whole.lookahead > 8 ? 8 : whole.lookahead;
        whole.search = whole.search > 8 ? 8 : whole.search;
        whole.patch = whole.patch > 4 ? 4 : whole.patch;
    }
    return whole;
}

/* Create a diffuser from parameters in memory of just their size. */
static inline vd_status create(vd_diffuser **diffuser, const vd_params *params)
{
    vd_params *exact = malloc(params->struct_size);
    REQUIRE(exact != NULL);
    memcpy(exact, params, params->struct_size);
    vd_status status = vd_diffuser_create(diffuser, exact);
    REQUIRE((status == VD_OK) == (*diffuser != NULL));
    free(exact);
    return status;
}

static inline void draw_shape(draw *d, int64_t *height, int64_t *width, int64_t *channels)
{
    uint32_t kind = draw_below(d, 16);
    *channels = kind < 8 ? 1 : kind < 13 ? 3 : 1 + (int64_t)draw_below(d, 5);
    *height = 1 + (int64_t)draw_below(d, 20);
    *width = 1 + (int64_t)draw_below(d, 20);
    if (kind % 4 == 1) { /* long rows, for whole vectors */
        *height = 1 + (int64_t)draw_below(d, 4);
        *width = 1 + (int64_t)draw_below(d, 256);
    }
    if (kind % 8 == 2)
        *height = 1 + (int64_t)draw_below(d, 256), *width = 1 + (int64_t)draw_below(d, 3);
}

static inline int32_t draw_dtype(draw *d) { return (int32_t)draw_below(d, 4) + VD_U8; }

/* ---- motion ---- */

static inline uint64_t mix(uint64_t state, const vd_image *image)
{
    for (int64_t y = 0; y < image->height; y++)
        for (int64_t x = 0; x < image->width; x++)
            for (int64_t c = 0; c < image->channels; c++) {
                double sample = get_sample(image, y, x, c);
                uint64_t bits = 0;
                if (sample == sample)
                    memcpy(&bits, &sample, sizeof bits);
                state ^= bits;
                state = draw_next(&state);
            }
    return state;
}

static inline vd_status write_flow(void *context, const vd_image *frame, const vd_image *other, const vd_image *flow)
{
    const drawn_motion *motion = context;
    REQUIRE(frame->height == flow->height && frame->width == flow->width && flow->channels == 2);
    uint64_t state = mix(mix(motion->salt, frame), other);
    if (motion->kind >= 4 && draw_next(&state) % 16 == 0)
        return VD_ERROR_MEMORY;
    const double specials[] = {NAN, INFINITY, -INFINITY, 1e30, -3e9, 1e-40};
    double scale = motion->kind % 4 == 0 ? 0 : motion->kind % 4 == 1 ? 2 : 40;
    for (int64_t y = 0; y < flow->height; y++)
        for (int64_t x = 0; x < flow->width; x++)
            for (int64_t c = 0; c < 2; c++) {
                uint64_t bits = draw_next(&state);
                double value = ((double)(bits >> 11) / 9007199254740992.0 - 0.5) * scale;
                if (motion->kind % 4 == 3 && bits % 16 == 0)
                    value = specials[(bits >> 4) % 6];
                put_sample(flow, y, x, c, value);
            }
    return VD_OK;
}

static inline void draw_motion(stream *s)
{
    draw *d = s->d;
    drawn_motion *m = &s->motion;
    uint32_t kind = draw_below(d, 8);
    double range = range_of(s->dtype);
    m->gated = kind != 1;
    m->moving = kind != 2;
    m->noise = (vd_noise){.struct_size = sizeof m->noise, .gain = m->gain, .offset = m->offset};
    m->noise.channels = kind & 4 ? s->channels : 1;
    if (draw_rarely(d, 32))
        m->noise.channels = 1 + draw_below(d, 4);
    m->noise.min_variance = draw_rarely(d, 4) ? draw_real(d, 1e-3 * range * range) : 0;
    for (int c = 0; c < 4; c++) {
        m->gain[c] = draw_rarely(d, 2) ? draw_real(d, range / 64) : 0;
        m->offset[c] = draw_real(d, range * range / 256);
    }
    if (m->noise.channels > 4)
        m->noise.channels = 1;
    m->kind = draw_below(d, 8);
    m->salt = draw_bits(d, 2);
}

static inline vd_status set_motion(stream *s, vd_diffuser *diffuser)
{
    vd_status status = VD_OK;
    if (s->motion.gated)
        status = vd_diffuser_set_gate(diffuser, &s->motion.noise);
    if (status == VD_OK && s->motion.moving)
        status = vd_diffuser_set_flow(diffuser, write_flow, &s->motion);
    return status;
}

/* ---- saved states ---- */

static inline bytes saved(vd_diffuser *diffuser)
{
    bytes state = {NULL, 0};
    REQUIRE(vd_diffuser_save(diffuser, NULL, &state.size) == VD_OK);
    state.data = malloc(state.size);
    REQUIRE(state.data != NULL && vd_diffuser_save(diffuser, state.data, &state.size) == VD_OK);
    return state;
}

static inline bool same_state(vd_diffuser *diffuser, bytes before)
{
    bytes now = saved(diffuser);
    bool same = same_bytes(now, before);
    free(now.data);
    return same;
}

/* ---- frames ---- */

typedef struct drawn_frame {
    vd_frame frame;
    drawn_image image, confidence, coefficients, out;
    bool overlaps;
} drawn_frame;

static inline void free_frame(drawn_frame *f)
{
    free_image(&f->image);
    free_image(&f->confidence);
    free_image(&f->coefficients);
    free_image(&f->out);
}

static inline void draw_frame(stream *s, drawn_frame *f)
{
    draw *d = s->d;
    memset(f, 0, sizeof *f);
    int64_t height = s->height, width = s->width, channels = s->channels;
    int32_t dtype = s->dtype;
    if (draw_rarely(d, 64)) { /* not the stream's */
        uint32_t what = draw_below(d, 4);
        dtype = what == 0 ? 1 + (dtype % 4) : dtype;
        height += what == 1;
        width += what == 2;
        channels += what == 3;
    }
    f->image = draw_layout(d, dtype, height, width, channels, true);
    draw_samples(d, &f->image.view, true);
    f->frame = (vd_frame){.struct_size = sizeof f->frame, .image = f->image.view, .dt = 1};
    uint32_t extras = draw_below(d, 32);
    if (extras & 16)
        f->frame.dt = draw_real(d, 4);
    if ((extras & 3) == 1) {
        static const int32_t dtypes[] = {VD_U8, VD_F32, VD_F64};
        f->confidence = draw_layout(d, dtypes[draw_below(d, 3)], height, width, extras & 4 ? 1 : channels, true);
        draw_fractions(d, &f->confidence.view);
        f->frame.confidence = &f->confidence.view;
    }
    bool raw = s->params.normalize == 0;
    if (raw ? (extras & 12) == 4 : draw_rarely(d, 64)) {
        f->coefficients = draw_layout(d, extras & 1 ? VD_F32 : VD_F64, height, width, extras & 2 ? 1 : channels, true);
        draw_samples(d, &f->coefficients.view, draw_rarely(d, 4));
        f->frame.coefficients = &f->coefficients.view;
    }
    uint32_t kind = draw_below(d, 16);
    bool real = dtype == VD_F32 || dtype == VD_F64;
    int32_t out = raw && !real ? VD_F32 : dtype;
    if (kind == 15)
        out = draw_dtype(d);
    f->overlaps = out == dtype && kind < 4;
    f->out = draw_layout(d, out, height, width, channels, false);
    if (f->overlaps) {
        bool unique = f->image.view.row_stride && f->image.view.column_stride && f->image.view.channel_stride;
        free_image(&f->out);
        f->out.view = f->image.view;
        /* another layout over the same memory */
        if ((kind & 1) || !unique)
            f->out.view = vd_image_contiguous(f->image.memory, (vd_dtype)out, height, width, channels);
        if (f->image.size < (size_t)(height * width * channels) * sample_bytes(out)) {
            f->overlaps = false;
            f->out = contiguous_image(out, height, width, channels);
        }
    }
}

/* Push the same frames one by one, contiguous, into the twin; `results` of them must be what `written` outputs show. */
static inline void push_twin(stream *s, const drawn_image *images, const drawn_frame *frames, size_t taken,
                             size_t written)
{
    size_t results = 0;
    for (size_t i = 0; i < taken; i++) {
        const vd_image *out = &frames[results].out.view;
        drawn_image result = contiguous_image(out->dtype, out->height, out->width, out->channels);
        vd_frame frame = frames[i].frame;
        int32_t ready = 0;
        frame.image = images[i].view;
        REQUIRE(vd_diffuser_push(s->twin, &frame, &result.view, &ready) == VD_OK);
        if (ready) {
            REQUIRE(!s->compared || same_samples(&result.view, out));
            results++;
        }
        free_image(&result);
    }
    REQUIRE(results == written);
}

static inline void push(stream *s, size_t count, bool many)
{
    drawn_frame frames[MAX_BATCH];
    drawn_image images[MAX_BATCH];
    vd_frame inputs[MAX_BATCH];
    vd_image outs[MAX_BATCH];
    for (size_t i = 0; i < count; i++) {
        draw_frame(s, frames + i);
        images[i] = contiguous_copy(&frames[i].image.view);
        inputs[i] = frames[i].frame;
        outs[i] = frames[i].out.view;
    }
    bytes before = saved(s->one);
    drawn_image untouched = contiguous_copy(outs);
    size_t written = 0, taken = 0;
    vd_status status;
    if (many)
        status = vd_diffuser_push_many(s->one, count, inputs, outs, &written, &taken);
    else {
        int32_t ready = 7;
        allocations_left = draw_rarely(s->d, 16) ? (long)draw_below(s->d, 32) : -1;
        status = vd_diffuser_push(s->one, inputs, outs, &ready);
        allocations_left = -1;
        if (status == VD_ERROR_MEMORY) { /* as if nothing had happened */
            REQUIRE(same_samples(outs, &untouched.view));
            status = vd_diffuser_push(s->one, inputs, outs, &ready);
        }
        REQUIRE(status != VD_OK || ready == 0 || ready == 1);
        taken = status == VD_OK;
        written = taken && ready;
    }
    REQUIRE(taken <= count && written <= taken && (status != VD_OK || taken == count));
    if (taken == 0 && status != VD_OK) {
        REQUIRE(same_samples(outs, &untouched.view));
        REQUIRE(status == VD_ERROR_MEMORY || same_state(s->one, before));
    }
    if (written == 0 && frames[0].out.memory != NULL)
        REQUIRE(same_samples(outs, &untouched.view));
    /* The frames of a batch that failed for want of memory, and what follows, cannot be compared. */
    s->compared = s->compared && status != VD_ERROR_MEMORY;
    if (s->compared)
        push_twin(s, images, frames, taken, written);
    free(before.data);
    free_image(&untouched);
    for (size_t i = 0; i < count; i++) {
        free_frame(frames + i);
        free_image(images + i);
    }
}

static inline void flush(stream *s)
{
    int32_t dtype = s->params.normalize ? s->dtype : VD_F64, ready = 7, twin = 7;
    drawn_image out = draw_layout(s->d, dtype, s->height, s->width, s->channels, false);
    drawn_image other = contiguous_image(dtype, s->height, s->width, s->channels);
    vd_status status = vd_diffuser_flush(s->one, &out.view, &ready);
    if (s->compared) {
        REQUIRE(vd_diffuser_flush(s->twin, &other.view, &twin) == status);
        REQUIRE(status != VD_OK || (ready == twin && (!ready || same_samples(&out.view, &other.view))));
    }
    free_image(&out);
    free_image(&other);
}

/* A map of diffusivities, for both; of any model, which may refuse it. */
static inline void set_map(stream *s)
{
    drawn_image map = draw_layout(s->d, draw_below(s->d, 2) ? VD_F32 : VD_F64, s->height, s->width, 1, true);
    bool none = draw_rarely(s->d, 8);
    draw_fractions(s->d, &map.view);
    /* a spectrum so wide that it is slow, but not refused */
    double widest = 0, sigma = s->params.sigma_y > s->params.sigma_x ? s->params.sigma_y : s->params.sigma_x;
    for (int64_t y = 0; y < s->height; y++)
        for (int64_t x = 0; x < s->width; x++)
            widest = fmax(widest, get_sample(&map.view, y, x, 0));
    if (s->params.model != VD_MODEL_LAPLACIAN || widest * sigma * sigma * s->params.diffusivity < 1e4) {
        vd_status status = vd_diffuser_set_diffusivity(s->one, none ? NULL : &map.view);
        REQUIRE(vd_diffuser_set_diffusivity(s->twin, none ? NULL : &map.view) == status);
    }
    free_image(&map);
}

/* The diffuser is replaced by one made from its saved state, which saves the same bytes, or by its copy. */
static inline void replace(stream *s, bool copy)
{
    vd_diffuser *other = NULL;
    bytes state = saved(s->one);
    allocations_left = draw_rarely(s->d, 16) ? (long)draw_below(s->d, 32) : -1;
    vd_status status = copy ? vd_diffuser_copy(&other, s->one) : vd_diffuser_load(&other, state.data, state.size, 1);
    allocations_left = -1;
    REQUIRE(status == VD_OK || status == VD_ERROR_MEMORY);
    if (status == VD_OK) {
        REQUIRE(same_state(other, state));
        vd_diffuser_destroy(s->one);
        s->one = other;
        if (!copy && s->motion.moving)
            REQUIRE(vd_diffuser_set_flow(other, write_flow, &s->motion) == VD_OK);
    } else
        REQUIRE(other == NULL);
    free(state.data);
}

static inline void look(stream *s)
{
    vd_info info = {.struct_size = sizeof info};
    REQUIRE(vd_diffuser_info(s->one, &info) == VD_OK);
    REQUIRE(info.pending >= 0 && info.frames >= 0 && info.spatial_bound >= 0 && info.threads == 1);
}

/* out = frame + region (out - frame): where the region is 0 the frame's bits. */
static inline void blend(stream *s)
{
    static const int32_t dtypes[] = {VD_U8, VD_F32, VD_F64};
    draw *d = s->d;
    drawn_image frame = draw_layout(d, s->dtype, s->height, s->width, s->channels, true);
    drawn_image out = draw_layout(d, s->dtype, s->height, s->width, s->channels, false);
    drawn_image region =
        draw_layout(d, dtypes[draw_below(d, 3)], s->height, s->width, draw_below(d, 2) ? 1 : s->channels, true);
    draw_samples(d, &frame.view, true);
    draw_samples(d, &out.view, true);
    draw_fractions(d, &region.view);
    drawn_image before = contiguous_copy(&out.view);
    if (vd_blend(&frame.view, &region.view, &out.view, 1) != VD_OK)
        REQUIRE(same_samples(&out.view, &before.view));
    free_image(&frame);
    free_image(&out);
    free_image(&region);
    free_image(&before);
}

/* A few calls of any kind. */
static inline void run_steps(stream *s, int steps)
{
    for (int step = 0; step < steps && s->d->left > 0; step++) {
        uint32_t what = draw_below(s->d, 16);
        switch (what) {
        case 7: flush(s); break;
        case 8: replace(s, true); break;
        case 9: replace(s, false); break;
        case 10: REQUIRE(vd_diffuser_reset(s->one) == VD_OK && vd_diffuser_reset(s->twin) == VD_OK); break;
        case 11: set_map(s); break;
        case 12: look(s); break;
        case 13: blend(s); break;
        case 14:
        case 15: push(s, 1 + draw_below(s->d, MAX_BATCH), true); break;
        default: push(s, 1, false);
        }
    }
}

static inline void run_stream(const uint8_t *data, size_t size, bool models, bool motion)
{
    draw d = {data, size};
    stream s = {.d = &d, .compared = true};
    draw_shape(&d, &s.height, &s.width, &s.channels);
    s.dtype = draw_dtype(&d);
    uint32_t sets = draw_below(&d, 256);
    s.params = draw_params(&d, models, (double)(s.height * s.width * s.channels));
    choose_instruction_set(sets);
    if (create(&s.one, &s.params) != VD_OK)
        return;
    bool integers = s.dtype == VD_U8 || s.dtype == VD_U16;
    if (s.params.model == VD_MODEL_GAUSSIAN && integers && !motion)
        choose_instruction_set(sets >> 4);
    REQUIRE(create(&s.twin, &s.params) == VD_OK);
    choose_instruction_set(sets); /* of copies and loaded states */
    if (motion) {
        draw_motion(&s);
        vd_status status = set_motion(&s, s.one);
        REQUIRE(set_motion(&s, s.twin) == status);
        s.motion.moving = s.motion.moving && status == VD_OK;
    }
    run_steps(&s, MAX_STEPS);
    vd_diffuser_destroy(s.one);
    vd_diffuser_destroy(s.twin);
}

#endif
