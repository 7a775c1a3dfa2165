"""The audit: which photograph each image shows, and what follows from it for splits and labels."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

from edge_runtime.dataset import Dataset, LabelledImage
from edge_runtime.errors import LeukoliteError
from edge_runtime.locate import locate
from edge_runtime.parallel import cores
from edge_runtime.progress import progress
from edge_runtime.threads import in_order
from train.audit import duplicates
from train.audit.catalogue import IMAGE_FEATURES, Catalogue, Match, Reduction
from train.audit.grouping import Union
from train.audit.looking import THUMBNAIL, Picture, look, one_thread_each
from train.audit.originals import Original

UNKNOWN = "unknown"
"""Begins the group of all images of a class whose photograph is not known: one group, so that no split cuts it."""

_LEARNT_FROM = 100  # pictures that the reduction of descriptors is fitted to
_WEAK = 30  # inliers: an image matched by fewer is taken up itself, so that the next of its kind is matched by more
_MOST_OF_A_GROUP = 12  # images that are taken up of one group
_FEW = 20  # features: with fewer, a picture that matches none may still be a copy of one
_NEARLY = 0.01  # of likeness: two photographs of one field, told apart by the label alone


@dataclass(frozen=True)
class Finding:
    """What was found about an image.

    `source` is the photograph it is a copy of, None where that cannot be told; `confidence` is the probability that
    it shows that field, 0 to 1, and `correlation` how alike the two are. `cells` is how many stained cells are seen.
    """

    image: LabelledImage
    split: str
    digest: str | None
    source: str | None
    group: str
    confidence: float = 0.0
    correlation: float = 0.0
    cells: int = 0
    error: str | None = None


@dataclass(frozen=True)
class Overlap:
    """Two photographs of one field."""

    photos: tuple[str, str]
    correlation: float


@dataclass(frozen=True)
class Survey:
    """All findings, in the order of the data set. `originals` is empty where images were compared among themselves."""

    findings: tuple[Finding, ...]
    originals: tuple[Original, ...] = ()
    unreadable_originals: dict[str, str] = field(default_factory=dict)
    overlaps: tuple[Overlap, ...] = ()
    near_duplicates: tuple[tuple[int, int, float], ...] = ()


@dataclass
class _Photos:
    """What images are looked up in: photographs by their number, with a name and labels each."""

    catalogue: Catalogue
    fixed: bool
    names: list[str] = field(default_factory=list)
    labels: list[tuple[str, ...]] = field(default_factory=list)
    union: Union = field(default_factory=Union)
    taken_up: Counter[int] = field(default_factory=Counter)

    def add(self, picture: Picture, name: str, labels: tuple[str, ...] = ()) -> int:
        """Take up a photograph; returns its number."""
        self.names.append(name)
        self.labels.append(labels)
        self.union.add()
        return self.catalogue.add(picture.pixels)

    def add_to(self, number: int, picture: Picture, name: str) -> None:
        """Take up one more photograph of a field, if there are not many of it yet."""
        group = self.union.find(number)
        if self.taken_up[group] < _MOST_OF_A_GROUP:
            self.taken_up[group] += 1
            self.union.join(number, self.add(picture, name))

    @cached_property
    def members(self) -> dict[int, list[int]]:
        """The photographs of each group, once all are joined, by the smallest of their numbers."""
        return {own[0]: own for own in self.union.sets()}

    def group(self, number: int) -> str:
        """The name of a photograph's group: that of its first photograph."""
        return self.names[self.union.find(number)]

    def match(self, picture: Picture, label: str) -> Match | None:
        """The photograph most alike; among those that are nearly so, one that has the image's label."""
        found = {match.photo: match for match in self.catalogue.find(picture.pixels, picture.features)}
        if not found:
            return None
        best = max(found.values())
        # Photographs of one field are so alike that the image's features may all have been nearest to one of them.
        for photo in self.members[self.union.find(best.photo)]:
            if photo not in found and (match := self.catalogue.compare(picture.pixels, picture.features, photo=photo)):
                found[photo] = match
        matches = sorted(found.values(), reverse=True)
        least = matches[0].alignment.likeness - _NEARLY
        near = [match for match in matches if match.alignment.likeness >= least]
        own = (match for match in near if label.casefold() in map(str.casefold, self.labels[match.photo]))
        return next(own, near[0])


def survey(splits: Sequence[Dataset], originals: Sequence[Original] = ()) -> Survey:
    """Audit all images of some splits, against their originals or, without any, among themselves."""
    with one_thread_each():
        return _survey(splits, originals)


def _survey(splits: Sequence[Dataset], originals: Sequence[Original]) -> Survey:
    """The same, however many threads each call takes."""
    images = [(dataset.split or "", image) for dataset in splits for image in dataset.images]
    paths = [original.path for original in originals] or [image.path for _, image in images]
    photos = _Photos(Catalogue(_learn(paths)), fixed=bool(originals))
    unreadable, overlaps = _take_up(photos, originals)
    thumbnails = np.zeros((len(images), THUMBNAIL[0] * THUMBNAIL[1]), np.uint8)
    found: list[_Found] = []
    search = _against if originals else _among
    with progress("audit", total=len(images)) as advance:
        for index, seen in enumerate(search(photos, [image for _, image in images])):
            if seen.thumbnail is not None:
                thumbnails[index] = seen.thumbnail
            found.append(replace(seen, thumbnail=None))
            advance()
    findings = tuple(_finding(photos, split, image, seen) for (split, image), seen in zip(images, found, strict=True))
    return Survey(findings, tuple(originals), unreadable, overlaps, tuple(duplicates.near(thumbnails)))


@dataclass(frozen=True)
class _Found:
    """What one image showed; `photo` is None where it matches none."""

    digest: str | None = None
    thumbnail: npt.NDArray[np.uint8] | None = None
    cells: int = 0
    photo: int | None = None
    confidence: float = 0.0
    correlation: float = 0.0
    error: str | None = None


def _learn(paths: Sequence[str]) -> Reduction:
    """The reduction of descriptors, fitted to some of the pictures, spread over all."""
    chosen = paths[:: max(1, len(paths) // _LEARNT_FROM)][:_LEARNT_FROM]
    seen = in_order(partial(look, keep=IMAGE_FEATURES), chosen, workers=cores())
    return Reduction([picture.features for picture in seen if isinstance(picture, Picture)])


def _take_up(photos: _Photos, originals: Sequence[Original]) -> tuple[dict[str, str], tuple[Overlap, ...]]:
    """Put all originals into the catalogue and join those that overlap; returns complaints and overlaps."""
    unreadable: dict[str, str] = {}
    overlaps: list[Overlap] = []
    pictures: list[Picture] = []
    with progress("originals", total=2 * len(originals)) as advance:
        for original, seen in zip(
            originals, in_order(_look_at, [each.path for each in originals], workers=cores()), strict=True
        ):
            if isinstance(seen, Picture):
                photos.add(seen, original.name, original.labels)
                pictures.append(seen)
            else:
                unreadable[original.name] = str(seen)
            advance()

        def others(number: int) -> list[Match]:
            return photos.catalogue.find(pictures[number].pixels, pictures[number].features, without=number)

        for number, matches in enumerate(in_order(others, range(len(pictures)), workers=cores())):
            for match in matches:
                photos.union.join(number, match.photo)
                if number < match.photo:
                    names = (photos.names[number], photos.names[match.photo])
                    overlaps.append(Overlap(names, round(match.alignment.correlation, 4)))
            advance()
    return unreadable, tuple(overlaps)


def _against(photos: _Photos, images: Sequence[LabelledImage]) -> Iterator[_Found]:
    """What each image shows, by the originals."""

    def search(image: LabelledImage) -> _Found:
        seen = _look_at(image.path)
        if not isinstance(seen, Picture):
            return _Found(error=str(seen))
        return _found(seen, photos.match(seen, image.label))

    return in_order(search, images, workers=cores())


def _among(photos: _Photos, images: Sequence[LabelledImage]) -> Iterator[_Found]:
    """What each image shows, by those before it, of which the first of each field is taken up as its photograph."""
    for image, seen in zip(images, in_order(_look_at, [image.path for image in images], workers=cores()), strict=True):
        if not isinstance(seen, Picture):
            yield _Found(error=str(seen))
            continue
        # Not in the threads: what is found depends on what was taken up before.
        matches = photos.catalogue.find(seen.pixels, seen.features)
        for match in matches[1:]:
            photos.union.join(matches[0].photo, match.photo)
        found = _found(seen, matches[0] if matches else None)
        if not matches and len(seen.features) >= _FEW:
            yield replace(found, photo=photos.add(seen, image.name), confidence=1.0, correlation=1.0)
            continue
        yield found
        if matches and matches[0].alignment.inliers < _WEAK:
            photos.add_to(matches[0].photo, seen, image.name)


def _found(seen: Picture, match: Match | None) -> _Found:
    """What a picture shows by its best match."""
    found = _Found(seen.digest, seen.thumbnail(), len(locate(seen.pixels)))
    if match is None:
        return found
    alignment = match.alignment
    return replace(found, photo=match.photo, confidence=alignment.probability, correlation=alignment.correlation)


def _finding(photos: _Photos, split: str, image: LabelledImage, seen: _Found) -> Finding:
    """What was found about an image, once all groups are known."""
    group = f"{UNKNOWN}-{image.label}" if seen.photo is None else photos.group(seen.photo)
    source = None if seen.photo is None else photos.names[seen.photo] if photos.fixed else group
    return Finding(
        image=image,
        split=split,
        digest=seen.digest,
        source=source,
        group=group,
        confidence=seen.confidence,
        correlation=seen.correlation,
        cells=seen.cells,
        error=seen.error,
    )


def _look_at(path: str) -> Picture | LeukoliteError:
    """Read a picture that is to be looked up."""
    return look(path, keep=IMAGE_FEATURES)
