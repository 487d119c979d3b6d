"""Speech selection tasks of any size: a cluster a word, spread by speakers, seen through 1,024 rectified features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataperf_fast.boards.speech import files
from dataperf_fast.boards.speech.selection import Selection, write_selection
from dataperf_fast.files.paths import StrPath

DIMENSION = 1024
# With these, sixty clips train the frozen model to a macro F1 of about 0.5 at the paper's scale.
_LATENT = 24  # directions in which words and speakers differ
_WORD = 1.0  # spread of the words' centres
_SPEAKERS = 6  # a word; speakers are its sub-clusters
_SPEAKER = 0.45  # spread of a word's speakers
_CLIP = 0.45  # spread of a speaker's clips
_BLUR = 0.5  # what each feature adds of its own
_BROKEN = 0.2  # of the target training clips; half are cut, half run into a neighbour
_FIRST_NUMBER = 17_000_000  # of a clip
_PARTS = ("train", "eval", "neighbour")
_CONSONANTS, _VOWELS = "bcdfglmnprstvz", "aeiou"


@dataclass(frozen=True)
class LanguageSize:
    """A language's size: clips of each target word to train on and to evaluate on, nontarget words, clips of each."""

    target_train: tuple[int, ...]
    target_eval: tuple[int, ...]
    nontarget_train_words: int
    nontarget_eval_words: int
    nontarget_clips: int = 100


@dataclass(frozen=True)
class SpeechScale:
    """The languages to write, in order, and their sizes."""

    languages: Mapping[str, LanguageSize]


SCALES = {
    "small": SpeechScale({"en": LanguageSize((24, 20, 16), (16, 12, 12), 4, 8, 15)}),
    "paper": SpeechScale(
        {
            "en": LanguageSize((1210, 905, 746, 611, 460), (180, 160, 147, 131, 115), 100, 300),
            "id": LanguageSize((212, 157, 130, 106, 80), (48, 44, 40, 36, 32), 15, 45),
            "pt": LanguageSize((760, 570, 470, 384, 290), (150, 134, 123, 110, 96), 50, 150),
        }
    ),
}


def write(out: StrPath, scale: SpeechScale, seed: int) -> Iterator[str]:
    """Write ``out/dataperf_{language}_data`` a language, and yield the language; same arguments, same bytes.

    The nontarget words to train on are the first ones of those to evaluate on: most of what is heard later is unknown.
    """
    out = Path(out)
    for language, board in scale.languages.items():
        folder = out / f"dataperf_{language}_data"
        source = _Source(seed, language)
        targets = len(board.target_train)
        clips = [board.nontarget_clips] * max(board.nontarget_train_words, board.nontarget_eval_words)
        allowed, heard = Selection({}, []), Selection({}, [])
        parts = [
            ("train", allowed, board.target_train, board.nontarget_train_words),
            ("eval", heard, board.target_eval, board.nontarget_eval_words),
        ]
        for part, selection, target_clips, words in parts:
            for number, count in enumerate([*target_clips, *clips[:words]]):
                word = source.word(number)
                features = source.clips(number, part, count)
                if part == "train" and number < targets:
                    source.spoil(features, number, targets)
                ids = source.ids(word, count)
                files.write_clips(folder / f"{part}_embeddings" / f"{word}.parquet", ids, features)
                if number < targets:
                    selection.targets[word] = ids
                else:
                    selection.nontargets.extend(ids)
        write_selection(folder / "eval.yaml", heard)
        write_selection(folder / "allowed_training_set.yaml", allowed)
        yield language


class _Source:
    """A language's words and their clips; every draw depends on the seed, the language and the word alone."""

    def __init__(self, seed: int, language: str):
        self._language = language
        self._seed = [seed, int.from_bytes(language.encode(), "big")]
        generator = np.random.default_rng(self._seed)
        syllables = [consonant + vowel for consonant in _CONSONANTS for vowel in _VOWELS]
        self._syllables = [syllables[at] for at in generator.permutation(len(syllables))]
        self._mixing = generator.standard_normal((_LATENT, DIMENSION), dtype=np.float32) / np.float32(_LATENT**0.5)
        self._silence = np.abs(generator.standard_normal(DIMENSION, dtype=np.float32)) * np.float32(0.3)
        self._next = _FIRST_NUMBER

    def word(self, number: int) -> str:
        """Name a word by two syllables, another one for every number below 4,900."""
        second, first = divmod(number, len(self._syllables))
        # Shifted by the first syllable, or the first 70 words would all end alike.
        return f"{self._syllables[first]}{self._syllables[(second + 3 * first + 1) % len(self._syllables)]}"

    def ids(self, word: str, count: int) -> list[str]:
        """Number the next ``count`` clips."""
        numbers = range(self._next, self._next + count)
        self._next += count
        return [f"{word}/common_voice_{self._language}_{number}.wav" for number in numbers]

    def _generator(self, *place: int) -> np.random.Generator:
        # From 1 on: a seed that ends in zeros is the same as one without them.
        return np.random.default_rng([*self._seed, *(number + 1 for number in place)])

    def clips(self, number: int, part: str, count: int) -> np.ndarray:
        """Vectors ``(count, 1024)`` float32 of a word's clips in a part, each of one of the word's speakers."""
        word = self._generator(number)
        centre = word.standard_normal(_LATENT, dtype=np.float32) * np.float32(_WORD)
        speakers = word.standard_normal((_SPEAKERS, _LATENT), dtype=np.float32) * np.float32(_SPEAKER)
        generator = self._generator(number, _PARTS.index(part))
        latent = centre + speakers[generator.integers(0, _SPEAKERS, count)]
        latent += generator.standard_normal((count, _LATENT), dtype=np.float32) * np.float32(_CLIP)
        features = generator.standard_normal((count, DIMENSION), dtype=np.float32) * np.float32(_BLUR)
        for row in range(_LATENT):  # not a matrix product: its rounding, and so the bytes, would depend on the machine
            features += latent[:, row, None] * self._mixing[row]
        np.maximum(features, np.float32(0), out=features)
        return features

    def spoil(self, features: np.ndarray, number: int, targets: int) -> None:
        """Break a fifth of a word's clips in place: cut short towards silence, or run into another target word."""
        generator = self._generator(number, len(_PARTS))
        broken = generator.permutation(len(features))[: round(_BROKEN * len(features))]
        cut, run = broken[::2], broken[1::2]
        noise = generator.standard_normal((len(cut), DIMENSION), dtype=np.float32) * np.float32(0.2)
        features[cut] = np.maximum(features[cut] * np.float32(0.3) + self._silence + noise, np.float32(0))
        neighbours = self.clips((number + 1) % targets, "neighbour", len(run))
        features[run] = features[run] * np.float32(0.4) + neighbours * np.float32(0.6)
