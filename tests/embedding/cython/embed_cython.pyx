# SPDX-License-Identifier: Apache-2.0
"""An outside extension in Cython."""

from vdcore cimport (
    VD_OK,
    VD_U8,
    vd_diffuser,
    vd_diffuser_create,
    vd_diffuser_destroy,
    vd_diffuser_push,
    vd_frame,
    vd_image,
    vd_params,
    vd_params_init,
    vd_status,
    vd_status_text,
    vdcore_import,
)

vdcore_import()


cdef vd_image image_of(const unsigned char[:, :, :] frame) noexcept nogil:
    cdef vd_image image
    image.data = <void *>&frame[0, 0, 0]
    image.dtype = VD_U8
    image.reserved = 0
    image.height, image.width, image.channels = frame.shape[0], frame.shape[1], frame.shape[2]
    image.row_stride, image.column_stride = frame.strides[0], frame.strides[1]
    image.channel_stride = frame.strides[2]
    return image


def diffuse(const unsigned char[:, :, :, :] frames, unsigned char[:, :, :, :] out, double sigma, double tau):
    """uint8 arrays of shape (T, H, W, C), any strides."""
    cdef vd_params params
    cdef vd_diffuser *diffuser = NULL
    cdef vd_frame frame
    cdef vd_image target
    cdef vd_status status
    cdef Py_ssize_t t
    with nogil:
        vd_params_init(&params, sizeof(vd_params))
        params.sigma_y = params.sigma_x = sigma
        params.tau = tau
        status = vd_diffuser_create(&diffuser, &params)
        for t in range(frames.shape[0]):
            if status != VD_OK:
                break
            frame.struct_size = sizeof(vd_frame)
            frame.image = image_of(frames[t])
            frame.dt = 1
            frame.confidence = NULL
            frame.coefficients = NULL
            target = image_of(out[t])
            status = vd_diffuser_push(diffuser, &frame, &target, NULL)
        vd_diffuser_destroy(diffuser)
    if status != VD_OK:
        raise ValueError(vd_status_text(status).decode())
