/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Template: the table of the kernels defined before the #include. Takes TABLE_NAME (a string) and undefines it.
 */
#ifndef TABLE_NAME
#error "define TABLE_NAME before including table.h"
#endif

#define REAL_ENTRIES(S)                                                                                                \
    .vertical_##S = vertical_##S, .vertical_pair_##S = vertical_pair_##S, .horizontal_##S = horizontal_##S,            \
    .update_##S = update_##S, .scan_##S = scan_##S, .patch_add_##S = patch_add_##S,                                    \
    .patch_add_pair_##S = patch_add_pair_##S, .geometric_##S = geometric_##S, .patch_fold_##S = patch_fold_##S

static const vd_kernels table = {
    .name = TABLE_NAME,
    .fixed_vertical = fixed_vertical,
    .fixed_vertical_pair = fixed_vertical_pair,
    .fixed_horizontal = fixed_horizontal,
    .fixed_update = fixed_update,
    .fixed_to_u8 = fixed_to_u8,
    .fixed_to_u8_dither = fixed_to_u8_dither,
    .fixed_to_f32 = fixed_to_f32,
    REAL_ENTRIES(f32),
    REAL_ENTRIES(f64),
    .update_wide = update_wide,
    .u8_to_f32 = u8_to_f32,
    .u16_to_f32 = u16_to_f32,
    .f32_to_u8 = f32_to_u8,
    .f32_to_u16 = f32_to_u16,
    .reduce_vertical = reduce_vertical,
    .reduce_horizontal = reduce_horizontal,
    .expand_horizontal = expand_horizontal,
    .expand_vertical = expand_vertical,
    .expand_vertical_fixed = expand_vertical_fixed,
};

#undef REAL_ENTRIES
#undef TABLE_NAME
