# SPDX-License-Identifier: Apache-2.0
"""`Diffuser`, the filter of a stream of frames."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, Unpack, cast, overload

import numpy as np
import numpy.typing as npt

from vdcore import _core, models
from vdcore._arrays import (
    Array,
    Result,
    as_factors,
    as_frame,
    as_frames,
    as_output,
    as_weights,
    copy_if_aliased,
    is_in_place,
    per_frame,
)
from vdcore._checks import number
from vdcore._options import accepts
from vdcore._states import Resumable
from vdcore.flow import Motion

from .core import check_gate, new_core, resumed_core
from .info import DiffuserInfo
from .parameters import CausalOptions, FilterOptions, FilterParameters, Sigma, filter_parameters
from .states import write_state

if TYPE_CHECKING:
    pass


class Diffuser(Resumable, Generic[Result]):
    r"""Spatio-temporal diffusion filter of a stream of frames.

    Frame after frame, the diffuser returns

    .. math::

        u(x, t) &= \frac{\sum_i m_i f_i G(x - x_i) e^{-(t - t_i) / \tau}}
                        {\sum_i m_i G(x - x_i) e^{-(t - t_i) / \tau}}, \\
        G(d) &= e^{-d^2 / 2 \sigma^2},

    summed over all samples f_i of all frames so far, each with a confidence m_i in [0, 1], by default 1. The
    recursion N <- a N + G * (m f), D <- a D + G * m, with a = exp(-dt / tau) and u = N / D, is this formula
    exactly: neither memory nor work per frame depends on tau or on the length of the video.

    Parameters
    ----------
    sigma : float or (float, float)
        Spatial standard deviation in pixels, >= 0 and finite, or (sigma_y, sigma_x). 0 = no spreading.
    tau : float
        Time constant, >= 0, in `time_unit`. 0 = no memory, inf = running mean.
    model : str or model of `vdcore.models`, optional
        The coefficient model: an instance, or a string such as "bilateral:range_sigma=20". Models that depend
        on the picture give weighted means only, in single precision (double for float64 frames).
    normalize : bool, optional
        True: the weighted mean u = N / D. False ("raw mode"): the sum u = N as written, with `coefficients`
        of any sign; integer frames then give float32.
    boundary : {"renormalize", "reflect", "nearest", "constant"}, optional
        Beyond the edge: no samples; ``d c b a | a b c d | d c b a``; ``a a a a | a b c d | d d d d``; `cval`.
    cval : float, optional
        The value beyond the edges for ``boundary="constant"``, in the unit of the samples.
    truncate : float, optional
        The kernel ends at ``int(truncate * sigma + 0.5)`` pixels.
    fill : float or None, optional
        The value of samples that no source has ever reached; None keeps that of the frame. NaN is allowed
        for float frames.
    lookahead : int, optional
        Future frames in the two-sided time kernel exp(-abs(t - t_i) / tau); output lags by as many frames.
    tolerance : float or None, optional
        Bound of the error before rounding, > 0, as a fraction of the range (255, 65535 or 1). None is 1e-3
        for uint8, 1e-5 for uint16 and float32, 1e-12 for float64.
    time_unit : {"frames", "seconds"}, optional
        Unit of `tau` and of every `dt`.
    threads : int or None, optional
        Threads to use, >= 1. None takes VDCORE_NUM_THREADS, then OMP_NUM_THREADS, then the processors that
        this process may use. The result does not depend on it.
    dither : {None, "ordered"}, optional
        "ordered" rounds integer output against an 8 x 8 threshold pattern, against banding.
    motion : {None, "flow"} or callable, optional
        How the content moves. "flow" estimates the optical flow (OpenCV's dense inverse search [3]_) from
        each frame to the last result; a callable ``motion(frame, other)`` gets the two, in the shape and
        dtype of the stream, and returns (dx, dy) in pixels, float of shape (H, W, 2), such that
        ``other[y + dy, x + dx]`` shows what ``frame[y, x]`` shows. Where it is not finite, or leads out of
        the picture, the past has no weight.
    gate : float or NoiseEstimate, optional
        The noise, as a standard deviation > 0 in sample units or as `estimate_noise` returns it: the past
        is weighted, at each pixel, by how well noise explains its difference from the frame around it.

    Attributes
    ----------
    parameters : FilterParameters
        The parameters, checked.
    info : DiffuserInfo
        The methods chosen and the memory held.

    Notes
    -----
    A diffuser serves one thread at a time: a call that arrives while another is running raises RuntimeError
    and changes nothing. The global interpreter lock is released while a frame is computed.

    In a process made by ``fork`` it computes on one thread. A diffuser that another thread was using during
    the fork raises RuntimeError in the child until `reset`.

    A new or reset diffuser has no memory: its first output is the first frame smoothed in space alone, and
    smoothing in time builds up over the next `tau` frames. Without `lookahead` only the past is used, so the
    output lags behind motion by about `tau`.

    Every array that NumPy can view is read in place, with any strides: anything with the buffer protocol,
    ``__array_interface__``, ``__array__`` or DLPack on the CPU. Frames are uint8 (range 255), uint16 (65535),
    float32 or float64 (1); NaN marks a missing sample (m = 0) and infinities are refused.

    With `motion` or `gate`, time comes first: each pixel keeps an estimate u of effective weight W, moved
    along the motion, u', W', and

    .. math::

        W &= m + a c W', \\ u &= (m f + a c W' u') / W,

    with c in [0, 1] from the gate, 1 without one. Still areas are averaged over `tau`, moving ones stay
    sharp, and pixels that do not match restart; a cut needs no special case. The spatial model then runs on u
    with the confidence min(W, 1). With a gate, `NonLocalMeans` with noise 0 uses the noise left in u. With
    `lookahead`, future frames are moved and gated in the same way. Noise that is correlated between pixels
    needs a larger `gate`. All of this is in single precision, double for float64 frames.

    References
    ----------
    .. [1] H. Knutsson and C.-F. Westin, "Normalized and differential convolution", CVPR 1993.
    .. [2] T. Lindeberg, "Scale-space for discrete signals", IEEE TPAMI 12(3), 1990.
    .. [3] T. Kroeger, R. Timofte, D. Dai and L. Van Gool, "Fast optical flow using dense inverse search",
       ECCV 2016.
    .. [4] P. Arias and J.-M. Morel, "Kalman filtering of patches for frame-recursive video denoising", CVPR
       Workshops 2019: a coefficient per patch.

    Examples
    --------
    >>> diffuser = vdcore.Diffuser(sigma=1.5, tau=3)
    >>> for frame in camera:
    ...     show(diffuser(frame))
    """

    @overload
    def __init__(
        self: "Diffuser[Array]",
        sigma: Sigma,
        tau: float,
        *,
        lookahead: Literal[0] = 0,
        **options: Unpack[CausalOptions],
    ) -> None: ...

    @overload
    def __init__(
        self: "Diffuser[Array | None]", sigma: Sigma, tau: float, **options: Unpack[FilterOptions]
    ) -> None: ...

    @accepts(FilterOptions, filter_parameters)
    def __init__(self, sigma: Sigma, tau: float, **options: Unpack[FilterOptions]) -> None:
        parameters = filter_parameters(sigma, tau, **options)
        self._adopt(parameters, new_core(parameters), None)

    def _adopt(self, parameters: FilterParameters, core: _core.Diffuser, ndim: int | None) -> None:
        self.parameters = parameters
        self._core = core
        self._ndim = ndim  # dimensions of the last frame, for flush; None before the first

    def __call__(
        self,
        frame: object,
        dt: float | None = None,
        *,
        confidence: object = None,
        coefficients: object = None,
        out: Any = None,
        dtype: npt.DTypeLike | None = None,
    ) -> Result:
        """Take one frame and return one.

        Parameters
        ----------
        frame : array_like, shape (H, W) or (H, W, C)
            uint8, uint16, float32 or float64; the same shape and dtype in every call.
        dt : float, optional
            Time since the last frame in `time_unit`, >= 0. 1 by default for frames; for seconds it must be
            given from the second frame on. Not used for the first frame.
        confidence : array_like, optional
            Weight of each pixel or sample as a source, shape (H, W) or that of the frame: bool, float in
            [0, 1], or uint8 where 255 is 1.
        coefficients : array_like, optional
            In raw mode, a factor of any sign for each pixel or sample, shape (H, W) or that of the frame,
            float32 or float64.
        out : array, optional
            Where to write the result, of the frame's shape; dtype as below. It may be the frame itself or
            share memory with it in any way.
        dtype : dtype, optional
            That of the frame (in raw mode float32 for integer frames) by default; or float32 or float64.

        Returns
        -------
        ndarray or None
            The frame's shape; `out` itself if it was given. With lookahead, the frame `lookahead` calls ago,
            and None while there is none.

        Raises
        ------
        ValueError, TypeError
            An argument is invalid. The diffuser and `out` are unchanged.
        RuntimeError
            Another thread is using this diffuser.
        """
        samples = as_frame(frame)
        models.check_shape(self.parameters.model, samples.shape)
        check_gate(self.parameters.gate, samples.shape)
        result = as_output(out, dtype, samples.shape, samples.dtype, self.parameters.normalize)
        weights = None if confidence is None else as_weights(confidence, "confidence", samples.shape)
        factors = None if coefficients is None else as_factors(coefficients, "coefficients", samples.shape)
        step = self._steps(None, 1)[0] if dt is None else number(dt, "dt", 0)
        ready = self._core.push(
            samples, result, step, copy_if_aliased(weights, result), copy_if_aliased(factors, result)
        )
        self._ndim = samples.ndim
        return cast(Result, (result if out is None else out) if ready else None)

    def push_many(
        self,
        frames: object,
        dt: float | Sequence[float] | npt.NDArray[Any] | None = None,
        *,
        confidence: object = None,
        coefficients: object = None,
        out: Any = None,
        dtype: npt.DTypeLike | None = None,
    ) -> Array:
        """Take several frames at once: the same bits as frame by frame, in one call.

        Parameters
        ----------
        frames : array_like, shape (T, H, W) or (T, H, W, C), or iterable of frames
            Channels are always last.
        dt : float or sequence of T floats, optional
            As in a call, for all frames or for each.
        confidence, coefficients : array_like or sequence, optional
            As in a call; one of shape (H, W) for all frames, or T of them.
        out : array, optional
            Where to write, of the shape of `frames`. It may be `frames` itself unless there is lookahead, and
            must share no memory with it otherwise.
        dtype : dtype, optional
            As in a call.

        Returns
        -------
        ndarray, shape (N, H, W) or (N, H, W, C)
            The frames that became ready, N <= T of them; a view of `out` if it was given.

        Raises
        ------
        ValueError, TypeError
            An argument is invalid. The frames before the one at fault have been taken.
        RuntimeError
            Another thread is using this diffuser.
        """
        stack = as_frames(frames)
        if stack.ndim not in (3, 4):
            raise ValueError(f"frames must have shape (T, H, W) or (T, H, W, C), got {stack.shape}")
        models.check_shape(self.parameters.model, stack.shape[1:])
        check_gate(self.parameters.gate, stack.shape[1:])
        result = as_output(out, dtype, stack.shape, stack.dtype, self.parameters.normalize)
        weights = per_frame(confidence, "confidence", stack, result, as_weights)
        factors = per_frame(coefficients, "coefficients", stack, result, as_factors)
        steps = self._steps(dt, len(stack))
        if is_in_place(stack, result) and self.parameters.lookahead:
            raise ValueError("out must share no memory with frames when there is lookahead")
        written = self._core.push_many(stack, result, steps, weights, factors)
        self._ndim = stack.ndim - 1
        return result[:written]

    def _steps(self, dt: Any, count: int) -> list[float]:
        """Return `count` time steps."""
        if dt is None:
            if self.parameters.time_unit == "frames":
                return [1.0] * count
            if count > 1 or self.info.frames > 0:
                raise ValueError('dt must be given with time_unit="seconds": the time since the last frame')
            return [0.0]
        if np.ndim(dt) == 0:
            return [number(dt, "dt", 0)] * count
        if len(dt) != count:
            raise ValueError(f"dt must be a number or one per frame, got {len(dt)} for {count} frames")
        return [number(step, "dt", 0) for step in dt]

    def flush(self, *, out: Any = None, dtype: npt.DTypeLike | None = None) -> Iterator[Array]:
        """Yield the frames still in the lookahead queue, one by one.

        Parameters
        ----------
        out : array, optional
            Where to write each of them in turn.
        dtype : dtype, optional
            As in a call.

        Yields
        ------
        ndarray
            The next frame; `out` itself if it was given.

        Notes
        -----
        The memory is then that after the last frame; another frame continues the stream.
        """
        while (info := self.info).pending:
            shape = (info.height, info.width, info.channels)[: self._ndim]
            result = as_output(out, dtype, shape, np.dtype(info.dtype), self.parameters.normalize)
            if not self._core.flush(result):
                break
            yield result if out is None else out

    def reset(self) -> None:
        """Forget every frame, the shape and the dtype; keep the parameters."""
        self._core.reset()
        self._ndim = None

    @property
    def info(self) -> DiffuserInfo:
        """The methods chosen and the memory held."""
        return DiffuserInfo(**self._core.info())

    def copy(self) -> Self:
        """Return an independent diffuser with the same parameters and state."""
        twin = object.__new__(type(self))
        twin._adopt(self.parameters, self._core.copy(), self._ndim)
        return twin

    def state(self) -> bytes:
        """Return the parameters and the complete state as bytes.

        Returns
        -------
        bytes
            For `restore` or `from_state`, in this or another process with the same version of vdcore and the
            same byte order. A callable given as `motion` is not included.

        Raises
        ------
        RuntimeError
            Another thread is using this diffuser.
        """
        core = self._core.save()
        return write_state(self.parameters, self._ndim, core)

    def restore(self, state: bytes) -> None:
        """Resume from a saved state, with its parameters; `threads` and a callable `motion` are kept.

        Parameters
        ----------
        state : bytes
            What `state` returned.

        Raises
        ------
        ValueError
            The state is damaged, cut short or of another version. This diffuser is then unchanged.
        RuntimeError
            Another thread is using this diffuser.
        """
        parameters, core, ndim = resumed_core(state, self.parameters.threads, self.parameters.motion)
        self._core.info()  # raises if another thread is using it
        self._adopt(parameters, core, ndim)

    @classmethod
    def from_state(cls, state: bytes, *, threads: int | None = None, motion: Motion | None = None) -> Self:
        """Return a new diffuser that resumes from a saved state.

        Parameters
        ----------
        state : bytes
            What `state` returned, perhaps in another process.
        threads : int or None, optional
            As for `Diffuser`.
        motion : callable, optional
            The `motion` of the saved diffuser, if that was a callable.

        Returns
        -------
        Diffuser

        Raises
        ------
        ValueError
            The state is damaged, cut short or of another version, or `motion` is missing.

        Notes
        -----
        A checksum detects damage, but not forgery. A forged state cannot corrupt memory, but it may hold any
        parameters, and so require much memory and time.
        """
        diffuser = object.__new__(cls)
        diffuser._adopt(*resumed_core(state, threads, motion))
        return diffuser

    def __repr__(self) -> str:
        values = asdict(self.parameters) | {"model": self.parameters.model}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in values.items())})"
