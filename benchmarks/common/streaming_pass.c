/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The streaming pass: the minimum work per frame of any filter with a float32 state, and the baseline of the
 * benchmarks. Per sample: read the frame, read and write the state with one multiply-add, write the frame.
 *
 *     s <- s + gain (f - s)        out = s in the frame's sample type
 *
 * Integer output is rounded by adding 1/2 and truncating, which costs nothing: the pass is bound by memory.
 * streaming_pass.py compiles it for the machine it runs on.
 */
#include <stddef.h>
#include <stdint.h>

#define STREAMING_PASS(name, sample, round)                                                                            \
    void name(const sample *restrict frame, float *restrict state, sample *restrict out, size_t count, float gain)     \
    {                                                                                                                  \
        for (size_t i = 0; i < count; i++) {                                                                           \
            state[i] += gain * ((float)frame[i] - state[i]);                                                           \
            out[i] = (sample)round(state[i]);                                                                          \
        }                                                                                                              \
    }

#define HALF_UP(value) (int32_t)((value) + 0.5f)
#define AS_IS(value) (value)

STREAMING_PASS(streaming_pass_uint8, uint8_t, HALF_UP)
STREAMING_PASS(streaming_pass_uint16, uint16_t, HALF_UP)
STREAMING_PASS(streaming_pass_float32, float, AS_IS)
