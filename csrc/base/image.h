/* SPDX-License-Identifier: Apache-2.0 */
/* Image views: checks, overlap, and rows in and out of strided memory. */
#ifndef VD_IMAGE_H
#define VD_IMAGE_H

#include <stdbool.h>

#include "base/strict_math.h"
#include "vdcore/vdcore.h"

/* Bytes of one sample, 0 for an unknown dtype. */
size_t vd_dtype_size(int32_t dtype);

/* 255, 65535 or 1 */
double vd_dtype_range(int32_t dtype);

/* VD_OK if the view is complete, not empty and its extent fits the address space. */
vd_status vd_image_check(const vd_image *image);

bool vd_image_same_shape(const vd_image *a, const vd_image *b);

/* Whether each row is one aligned run of samples that kernels can work on in place. */
bool vd_image_has_plain_rows(const vd_image *image);

bool vd_image_overlaps(const vd_image *a, const vd_image *b);
bool vd_image_same_view(const vd_image *a, const vd_image *b);

char *vd_image_row(const vd_image *image, int64_t y);

/* Row y as one run of samples of the image's dtype. */
void vd_image_gather_row(const vd_image *image, int64_t y, void *row);
void vd_image_scatter_row(const vd_image *image, int64_t y, const void *row);

/* The row itself where it is plain, else a gathered copy in scratch. */
const void *vd_image_plain_row(const vd_image *image, int64_t y, void *scratch);

/* a * b into *product; false if it does not fit in size_t. */
bool vd_checked_multiply(size_t a, size_t b, size_t *product);

#endif
