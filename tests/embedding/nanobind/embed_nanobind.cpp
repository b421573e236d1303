/* SPDX-License-Identifier: Apache-2.0 */
/* An outside extension in C++ with nanobind. */
#include <memory>
#include <stdexcept>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <vdcore/vdcore_capi.h>

namespace nb = nanobind;

using Frames = nb::ndarray<const uint8_t, nb::ndim<4>, nb::device::cpu>;
using Output = nb::ndarray<uint8_t, nb::ndim<4>, nb::device::cpu>;

/* The image at frames[t] of an array of shape (T, H, W, C); nanobind counts strides in samples. */
template <typename Array> static vd_image image_at(const Array &frames, size_t t)
{
    vd_image image{};
    image.data = const_cast<uint8_t *>(frames.data()) + int64_t(t) * frames.stride(0);
    image.dtype = VD_U8;
    image.height = int64_t(frames.shape(1));
    image.width = int64_t(frames.shape(2));
    image.channels = int64_t(frames.shape(3));
    image.row_stride = frames.stride(1);
    image.column_stride = frames.stride(2);
    image.channel_stride = frames.stride(3);
    return image;
}

static void check(vd_status status)
{
    if (status != VD_OK)
        throw std::runtime_error(vd_status_text(status));
}

static void diffuse(Frames frames, Output out, double sigma, double tau)
{
    nb::gil_scoped_release release;
    vd_params params;
    check(vd_params_init(&params, sizeof params));
    params.sigma_y = params.sigma_x = sigma;
    params.tau = tau;
    vd_diffuser *raw = nullptr;
    check(vd_diffuser_create(&raw, &params));
    std::unique_ptr<vd_diffuser, void (*)(vd_diffuser *)> diffuser(raw, vd_diffuser_destroy);
    for (size_t t = 0; t < frames.shape(0); t++) {
        vd_frame frame{sizeof frame, image_at(frames, t), 1.0, nullptr, nullptr};
        vd_image target = image_at(out, t);
        check(vd_diffuser_push(diffuser.get(), &frame, &target, nullptr));
    }
}

NB_MODULE(embed_nanobind, module)
{
    if (vdcore_import() < 0)
        throw nb::python_error();
    module.def("diffuse", &diffuse);
}
