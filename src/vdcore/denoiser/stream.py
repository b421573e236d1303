# SPDX-License-Identifier: Apache-2.0
"""The stream object `Denoiser`: arguments, states, one thread at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Generic, Literal, Self, cast, overload

import numpy as np
import numpy.typing as npt

from vdcore._arrays import (
    Array,
    Result,
    as_frame,
    as_output,
    as_weights,
    check_unit_interval,
    copy_if_aliased,
)
from vdcore._states import Resumable
from vdcore.flow import Flow, Motion
from vdcore.noise import NoiseEstimate

from .parameters import (
    DenoiserInfo,
    DenoiserParameters,
    HotPixels,
    Preset,
    Strength,
    check_strength,
    denoiser_parameters,
)
from .process import Process, given_flows, new_process
from .samples import check_samples, colour_count, without_gaps
from .states import read_state, write_state


class Denoiser(Resumable, Generic[Result]):
    """Denoise a stream frame by frame, with bounded memory.

    A Kalman filter [1]_ follows the spectrum of every small patch along the optical flow [3]_, so that what
    stays or moves steadily is averaged over many frames. The variance of the difference between a frame and
    its past is measured: where the two disagree, the past has less weight or none, so that nothing leaves a
    trail and a cut needs no detector. A Wiener filter in space [2]_ then removes the remaining noise.

    Parameters
    ----------
    strength : "auto", "light", "strong", float or NoiseEstimate, optional
        The noise: its standard deviation in sample units, >= 0, before samples were clipped to their range;
        or what `vdcore.estimate_noise` returns, which may depend on brightness. 0: frames pass unchanged, bit
        for bit. A number may be at most a quarter of the range of integer frames, 63.75 for uint8 and
        16383.75 for uint16; the range of float frames is not known. "auto": it is estimated from the stream,
        see Notes. "light" assumes 0.7 times the standard deviation that was estimated, which keeps more
        detail and more noise; "strong" 1.4 times.
    preset : {"balanced", "fast"}, optional
        "balanced" has a second step in space and a finer flow; "fast" takes about half the time.
    motion : {"flow", None} or callable, optional
        "flow": optical flow by OpenCV. None: no motion. A callable ``motion(frame, other)`` receives the
        frame and the last result (with `lookahead` also later frames), both of the stream's shape and dtype,
        and returns the flow, float32 or float64 of shape (H, W, 2): (dx, dy) in pixels such that
        ``other[y + dy, x + dx]`` shows what ``frame[y, x]`` shows. Where it is not finite the past is
        ignored.
    lookahead : int, optional
        Later frames, up to 31, that a frame is also compared with. Output is delayed by as many frames.
    fill : float or None, optional
        The result for missing samples of which nothing is known yet, in sample units, NaN allowed for float
        frames; None keeps those of the frame. See Notes.
    hot_pixels : {"auto", "off"}, optional
        "auto": impulses, and pixels of the sensor that are dead or hot, become missing samples: single ones
        that differ from all around, and from the last result, by far more than noise and optics explain.
        Nothing is changed where no noise is found.
    threads : int or None, optional
        Threads to use, >= 1. None takes VDCORE_NUM_THREADS, then OMP_NUM_THREADS, then the processors that
        this process may use. The result does not depend on it. OpenCV has threads of its own.

    Attributes
    ----------
    parameters : DenoiserParameters
        The parameters, checked.
    info : DenoiserInfo
        The noise it assumes, and what it holds.

    Notes
    -----
    Channels: (H, W) and (H, W, 1) are grey, (H, W, 3) is a colour in the order red, green, blue or the
    reverse, with the same result. The fourth channel of (H, W, 4) is alpha and copied bit for bit. The two of
    (H, W, 2) are two grey videos, each with its own noise and motion. Samples are at most 1e15 in magnitude.

    Missing samples are NaN or have a confidence of 0; with one sample its pixel is missing, in (H, W, 2) each
    channel on its own. What they hold does not matter. The result is what the last result shows there, along
    the motion, where it fits the frame around; otherwise what the samples around suggest. Pixels of which
    nothing was ever known are left to `fill`. A callable `motion` is given the frame as it is. Where frames
    pass unchanged, missing samples are filled all the same. Within about 8 pixels, one confidence is assumed
    for those that have most of it, and the others count as partly missing.

    The noise is estimated from the first frame alone, in which texture may be mistaken for noise, then from
    pairs of frames: each at first, then at most 16 frames apart. Noise that changes is followed within a few
    frames; the filter keeps what it knows of the video. Its spectrum is estimated even if a number is given,
    but white in the first frame. Frames below 8 x 8 pixels tell nothing: they pass, or have white noise.

    A denoiser serves one thread at a time: a call that arrives while another is running raises RuntimeError.
    A frame that is refused changes nothing.

    References
    ----------
    .. [1] P. Arias and J.-M. Morel, "Kalman filtering of patches for frame-recursive video denoising", CVPR
       Workshops 2019.
    .. [2] K. Dabov, A. Foi, V. Katkovnik and K. Egiazarian, "Image denoising by sparse 3-D transform-domain
       collaborative filtering", IEEE Transactions on Image Processing 16, 2007.
    .. [3] T. Kroeger, R. Timofte, D. Dai and L. Van Gool, "Fast optical flow using dense inverse search",
       ECCV 2016.

    Examples
    --------
    >>> denoiser = vdcore.Denoiser()
    >>> for frame in camera:
    ...     show(denoiser(frame))
    """

    @overload
    def __init__(
        self: "Denoiser[Array]",
        strength: Strength = "auto",
        *,
        preset: Preset = "balanced",
        motion: Motion | None = "flow",
        lookahead: Literal[0] = 0,
        fill: float | None = None,
        hot_pixels: HotPixels = "auto",
        threads: int | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self: "Denoiser[Array | None]",
        strength: Strength = "auto",
        *,
        preset: Preset = "balanced",
        motion: Motion | None = "flow",
        lookahead: int = 0,
        fill: float | None = None,
        hot_pixels: HotPixels = "auto",
        threads: int | None = None,
    ) -> None: ...

    def __init__(
        self,
        strength: Strength = "auto",
        *,
        preset: Preset = "balanced",
        motion: Motion | None = "flow",
        lookahead: int = 0,
        fill: float | None = None,
        hot_pixels: HotPixels = "auto",
        threads: int | None = None,
    ) -> None:
        self.parameters: DenoiserParameters = denoiser_parameters(
            strength, preset, motion, lookahead, fill, hot_pixels, threads
        )
        self._busy = Lock()
        self._process = new_process(self.parameters)

    def __call__(
        self,
        frame: object,
        *,
        confidence: object = None,
        flow: object = None,
        out: Any = None,
        dtype: npt.DTypeLike | None = None,
    ) -> Result:
        """Take one frame and return one.

        Parameters
        ----------
        frame : array_like, shape (H, W) or (H, W, C), C from 1 to 4
            uint8, uint16, float32 or float64, see Notes; the same shape and dtype in every call.
        confidence : array_like, optional
            Of each pixel or sample, shape (H, W) or that of the frame: bool, float in [0, 1], or uint8 where
            255 is 1. 0: missing. In between: the noise's variance is that of the others over it.
        flow : array of shape (H, W, 2), or list of them, optional
            The motion, where it is known, used instead of what `motion` finds: (dx, dy) in pixels from this
            frame to the last result, float32 or float64, see `motion`. A list gives what `find_flows`
            returns for this frame: with `lookahead` also the flows from the frame that this call returns to
            each later one. What is None is left to `motion`.
        out : array, optional
            Where to write the result, of the frame's shape; dtype as below. It may be the frame itself or
            share memory with it in any way.
        dtype : dtype, optional
            That of the frame by default; or float32 or float64.

        Returns
        -------
        ndarray or None
            The frame's shape; `out` itself if it was given. With lookahead, the frame `lookahead` calls ago,
            and None while there is none.

        Raises
        ------
        ValueError, TypeError
            An argument, or the result of `motion`, is invalid. The denoiser and `out` are then unchanged.
        ImportError
            OpenCV is missing, which ``motion="flow"`` needs.
        RuntimeError
            Another thread is using this denoiser.
        """
        with self._alone():
            samples = as_frame(frame)
            weights, gaps = self._check(samples, confidence)
            result = as_output(out, dtype, samples.shape, samples.dtype, True)
            given = given_flows(flow, self._process.flow_count, samples.shape)
            weights = copy_if_aliased(weights, result)
            ready = self._process.take(samples, weights, gaps, result, given)
            return cast(Result, (result if out is None else out) if ready else None)

    def flush(
        self, *, out: Any = None, flow: object = None, dtype: npt.DTypeLike | None = None
    ) -> Iterator[Array]:
        """Yield the frames still in the lookahead queue, one by one.

        Parameters
        ----------
        out : array, optional
            Where to write each of them in turn.
        flow : list of arrays of shape (H, W, 2), optional
            The motion, where it is known: from the frame that is yielded first to each later one of the
            queue, as ``find_flows()`` returns it. `motion` finds the rest.
        dtype : dtype, optional
            As in a call.

        Yields
        ------
        ndarray
            The next frame; `out` itself if it was given.
        """
        while self._process.queue:
            with self._alone():
                process = self._process
                result = as_output(out, dtype, process.shape, process.dtype, True)
                given = given_flows(flow, len(process.queue) - 1, process.shape)
                process.finish(process.find_future_flows(given), result)
                flow = None
            yield result if out is None else out

    def find_flows(self, frame: object = None, *, confidence: object = None) -> list[Flow | None]:
        """Return the flows that the next call would follow, without changing the denoiser.

        Streams that move together, such as the planes of a YUV video, share their motion this way: find it in
        one of them, and give it to each as `flow`, scaled to the size of its frames.

        Parameters
        ----------
        frame : array_like, optional
            The next frame, as in a call. None: for the next step of `flush`.
        confidence : array_like, optional
            As in a call.

        Returns
        -------
        list of (ndarray of float32, shape (H, W, 2), or None)
            The flow from `frame` to the last result; then, where the call returns a frame of the lookahead
            queue, from that to each later one up to `frame`. Without `frame` only the latter. (dx, dy) in
            pixels, see `motion`. None where there is nothing to follow: before the first result, in a
            constant frame, and with ``motion=None``. For frames of two channels, the flow of the first.

        Raises
        ------
        ValueError, TypeError, ImportError, RuntimeError
            As in a call.

        Examples
        --------
        >>> flows = luma.find_flows(y)
        >>> y, u = luma(y, flow=flows), chroma(u, flow=[halve(flow) for flow in flows])
        """
        with self._alone():
            process = self._process
            if frame is None:
                found = process.find_future_flows([None] * (len(process.queue) - 1)) if process.queue else []
            else:
                samples = as_frame(frame)
                weights, gaps = self._check(samples, confidence)
                filled = without_gaps(samples, weights) if gaps else samples
                found = process.find_flows(samples, [None] * process.flow_count, filled)
            return [flows[0] if flows else None for flows in found]

    def reset(self) -> None:
        """Forget every frame, the shape, the dtype and the noise; keep the parameters."""
        with self._alone():
            self._process = new_process(self.parameters)

    def copy(self) -> Self:
        """Return an independent denoiser with the same parameters and state."""
        with self._alone():
            return self._with(self._process.copy())

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
            Another thread is using this denoiser.
        """
        with self._alone():
            return write_state(self._process)

    def restore(self, state: bytes) -> None:
        """Resume from a saved state, with its parameters; `threads` and a callable `motion` are kept.

        Parameters
        ----------
        state : bytes
            What `state` returned.

        Raises
        ------
        ValueError
            The state is damaged, cut short or of another version. This denoiser is then unchanged.
        RuntimeError
            Another thread is using this denoiser.
        """
        process = read_state(state, self.parameters.threads, self.parameters.motion)
        with self._alone():
            self.parameters, self._process = process.parameters, process

    @classmethod
    def from_state(cls, state: bytes, *, threads: int | None = None, motion: Motion | None = None) -> Self:
        """Return a new denoiser that resumes from a saved state.

        Parameters
        ----------
        state : bytes
            What `state` returned, perhaps in another process.
        threads : int or None, optional
            As for `Denoiser`.
        motion : callable, optional
            The `motion` of the saved denoiser, if that was a callable.

        Returns
        -------
        Denoiser

        Raises
        ------
        ValueError
            The state is damaged, cut short or of another version, or `motion` is missing.

        Notes
        -----
        A checksum detects damage, but not forgery. A forged state cannot corrupt memory, but it may hold any
        parameters, and so require much memory and time.
        """
        return cls._with(read_state(state, threads, motion))

    @classmethod
    def _with(cls, process: Process) -> Self:
        denoiser = object.__new__(cls)
        denoiser.parameters, denoiser._process, denoiser._busy = process.parameters, process, Lock()
        return denoiser

    def set_strength(self, strength: Strength) -> None:
        """Change the strength from the next frame on; what the filter knows of the video stays.

        Parameters
        ----------
        strength : "auto", "light", "strong", float or NoiseEstimate
            See `Denoiser`. All but an estimate keep what was measured so far.

        Raises
        ------
        ValueError, TypeError
            As `Denoiser`; at the next frame, where the strength does not suit the frames.
        RuntimeError
            Another thread is using the denoiser.
        """
        parameters = denoiser_parameters(**(vars(self.parameters) | {"strength": strength}))
        with self._alone():
            self.parameters = self._process.parameters = parameters
            self._process.tracker.set_strength(parameters.strength)

    @property
    def info(self) -> DenoiserInfo:
        """The noise the denoiser assumes, and what it holds."""
        process = self._process
        height, width, *channels = process.shape or (0, 0, 0)
        return DenoiserInfo(
            noise=process.tracker.noise,
            frames=process.frames,
            pending=len(process.queue),
            state_bytes=process.nbytes,
            height=height,
            width=width,
            channels=channels[0] if channels else 1,
            dtype=process.dtype.name if process.shape else None,
        )

    def __repr__(self) -> str:
        values = vars(self.parameters).items()
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in values)})"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("another call is using this denoiser")
        try:
            yield
        finally:
            self._busy.release()

    def _check(self, samples: Array, confidence: object) -> tuple[Array | None, bool]:
        """Refuse a frame that does not belong to the stream; return its confidence, and if it has gaps."""
        shape, dtype = self._process.shape, self._process.dtype
        if shape and (samples.shape != shape or samples.dtype != dtype):
            raise (ValueError if samples.shape != shape else TypeError)(
                f"frame must be {shape} {dtype} like the frames before it,"
                f" got {samples.shape} {samples.dtype}"
            )
        gaps = check_samples(samples, "frame")
        weights: Array | None = None
        if confidence is not None:
            given = as_weights(confidence, "confidence", samples.shape)
            check_unit_interval(given, "confidence")
            shares = given / 255.0 if given.dtype == np.uint8 else given
            weights = shares.astype(np.float32, copy=False)
            gaps = gaps or not weights.all()
        strength, colours = self.parameters.strength, colour_count(samples.shape)
        if samples.dtype.kind == "u":
            white = int(np.iinfo(samples.dtype).max)
            check_strength(strength, white, f"sample units (0 to {white}) of {samples.dtype} frames")
        if isinstance(strength, NoiseEstimate) and strength.sigma.size not in (1, colours):
            allowed = "1 channel" if colours == 1 else f"1 or {colours} channels"
            raise ValueError(
                f"strength must be a NoiseEstimate of {allowed} for frames of shape {samples.shape},"
                f" got {strength.sigma.size}"
            )
        return weights, gaps
