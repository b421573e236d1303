# SPDX-License-Identifier: Apache-2.0
# Pictures to estimate motion from.

def flow_guides(frame, other, double blur, frame_guide, other_guide, threads=None):
    """Write the pictures, uint8 (H, W), to estimate the flow between two frames from."""
    cdef View frame_view = View(frame)
    cdef View other_view = View(other)
    cdef View frame_guide_view = View(frame_guide, True)
    cdef View other_guide_view = View(other_guide, True)
    cdef int32_t thread_count = _threads(threads)
    cdef vd_status status
    with nogil:
        status = vd_flow_guides(
            &frame_view.image, &other_view.image, blur, &frame_guide_view.image, &other_guide_view.image,
            thread_count)
    _check(status, f"; frame is {frame.shape} {frame.dtype}, other {other.shape} {other.dtype}, blur {blur}")
