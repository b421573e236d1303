# SPDX-License-Identifier: Apache-2.0
"""Frames in a notebook: which are shown and how they look, the HTML, the page."""

import json
import re
from base64 import b64decode
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

import vdcore
from helpers.videos import make_frames, write_video


def decoded(url):
    """The image of a data URL as RGB, and its kind."""
    kind, data = re.fullmatch(r"data:image/(\w+);base64,([\w+/=]+)", url).groups()
    return cv2.imdecode(np.frombuffer(b64decode(data), np.uint8), cv2.IMREAD_COLOR)[..., ::-1], kind


def data_of(viewer):
    return json.loads(re.search(r"const data = (.*);$", viewer._repr_html_(), re.MULTILINE)[1])


class Elements(HTMLParser):
    """Ids, tags that are open, addresses and visible text."""

    def __init__(self, page):
        super().__init__()
        self.ids, self.open, self.addresses, self.inputs, self.text = [], [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.addresses += [attributes[name] for name in ("src", "href") if name in attributes]
        if tag == "input":
            self.inputs.append(attributes["class"])
        if tag not in ("img", "input", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data.strip())


def test_two_videos():
    a = make_frames(5)
    b = np.minimum(a, 180)
    b[2] = a[2]
    viewer = vdcore.show(a, b, names=("noisy & <b>", "@ID@"))
    assert (viewer.shown, viewer.frames) == ((0, 1, 2, 3, 4), 5)
    np.testing.assert_array_equal(viewer.psnr, vdcore.compare(a, b).psnr)
    data = data_of(viewer)
    for i, urls in enumerate(data["images"]):
        for url, frame in zip(urls, (a[i], b[i]), strict=True):
            image, kind = decoded(url)
            assert kind == "png"
            np.testing.assert_array_equal(image, frame)
    assert data["captions"][2] == "frame 2, PSNR infinite"
    assert data["captions"][1] == f"frame 1, PSNR {viewer.psnr[1]:.2f} dB"
    elements = Elements(viewer._repr_html_())
    assert elements.inputs == ["frame", "wipe"] and not elements.open
    assert {"noisy & <b>", "@ID@", data["captions"][0]} <= set(elements.text)
    assert elements.addresses == data["images"][0]  # seen without scripts, and nothing from elsewhere


def test_one_video():
    viewer = vdcore.show(make_frames(3))
    assert viewer.psnr == ()
    assert data_of(viewer)["captions"] == ["frame 0", "frame 1", "frame 2"]
    assert Elements(viewer._repr_html_()).inputs == ["frame"]
    assert repr(viewer) == "FrameViewer(3 of 3 frames; save(path) writes a page)"


def test_files_and_iterables(tmp_path):
    a = make_frames(4)
    path = write_video(tmp_path / "a.mkv", a)
    for frames in (path, str(path), (frame[..., ::-1] for frame in a), list(a[..., ::-1])):
        images = [decoded(urls[0])[0] for urls in data_of(vdcore.show(frames))["images"]]
        np.testing.assert_array_equal(images, a[..., ::-1])


@pytest.mark.parametrize("count, unknown, step", [(40, False, 1), (100, False, 3), (100, True, 4)])
def test_long_videos_are_thinned(count, unknown, step):
    a = np.zeros((count, 8, 8), np.uint8)
    viewer = vdcore.show(iter(a) if unknown else a, iter(a))
    assert viewer.shown == tuple(range(0, count, step)) and viewer.frames == count
    said = f" ({len(viewer.shown)} of {count} frames)" if step > 1 else ""
    assert data_of(viewer)["captions"][1] == f"frame {step}, PSNR infinite{said}"


def test_samples_of_any_range():
    a = make_frames(1, (20, 30))
    for frames in (a, a.astype(np.uint16) * 257, (a / 255).astype(np.float32), a[..., None]):
        np.testing.assert_array_equal(decoded(data_of(vdcore.show(frames))["images"][0][0])[0][..., 0], a[0])


@pytest.mark.parametrize(
    "shape, width, shown, stored",
    [
        ((48, 64), None, 320, (48, 64)),
        ((300, 400), None, 400, (300, 400)),
        ((600, 1600), None, 800, (300, 800)),
        ((1200, 400), 200, 200, (600, 200)),
        ((300, 400), 1000, 1000, (300, 400)),
    ],
)
def test_width(shape, width, shown, stored):
    viewer = vdcore.show(make_frames(1, shape), width=width)
    assert f"width: {shown}px" in viewer._repr_html_()
    image, kind = decoded(data_of(viewer)["images"][0][0])
    assert image.shape[:2] == stored
    assert kind == ("png" if shape == (48, 64) else "jpeg")


def test_large_frames_look_the_same():
    a = cv2.GaussianBlur(make_frames(1, (200, 300, 3))[0], (0, 0), 2)[None]
    image, kind = decoded(data_of(vdcore.show(a))["images"][0][0])
    assert kind == "jpeg" and np.abs(np.subtract(image, a[0], dtype=np.float64)).mean() < 1.5


def test_several_on_one_page():
    viewer = vdcore.show(make_frames(2))
    pages = [viewer._repr_html_(), viewer._repr_html_(), vdcore.show(make_frames(2))._repr_html_()]
    ids = [Elements(page).ids for page in pages]
    assert len({name for (name,) in ids}) == 3
    for page, (name,) in zip(pages, ids, strict=True):
        assert f'getElementById("{name}")' in page
        rules = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1].strip().split("}\n")
        assert all(rule.startswith(f"#{name} ") for rule in rules)


def test_save(tmp_path):
    viewer = vdcore.show(make_frames(2), make_frames(2, seed=2), names=("vor", "nach ✓"))
    viewer.save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>") and "<title>vor | nach ✓</title>" in page
    assert Elements(page.removeprefix("<!DOCTYPE html>")).open == []
    assert not re.search(r"https?:|//\w", re.sub(r"base64,[\w+/=]+", "", page))
    with pytest.raises(ValueError, match=r"path must end in \.html or \.htm, got .*page\.txt"):
        viewer.save(tmp_path / "page.txt")
    with pytest.raises(FileNotFoundError):
        viewer.save(tmp_path / "nowhere" / "page.html")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_different_lengths():
    with pytest.warns(UserWarning, match="a has 4 frames, b 3: the first 3 are compared") as caught:
        viewer = vdcore.show(make_frames(4), make_frames(3))
    assert viewer.frames == 3 and caught[0].filename == __file__


@pytest.mark.parametrize(
    "inputs, keywords, error, message",
    [
        (["missing.mp4"], {}, FileNotFoundError, "missing.mp4"),
        ([[]], {}, ValueError, "a must not be empty"),
        ([5], {}, TypeError, "a must be a path"),
        ([make_frames(2), make_frames(2, (20, 20))], {}, ValueError, "got 64x48 and 20x20"),
        ([make_frames(2)], {"names": "ab"}, TypeError, "names must be two strings, got 'ab'"),
        ([make_frames(2)], {"names": ("a",)}, TypeError, "names"),
        ([make_frames(2)], {"width": 0}, ValueError, "width must be an integer from 16 to 4096, got 0"),
        ([make_frames(2)], {"width": 99.5}, TypeError, "width"),
    ],
)
def test_errors(inputs, keywords, error, message):
    with pytest.raises(error, match=message):
        vdcore.show(*inputs, **keywords)
