"""Networks that read texts: their words, a bag of embeddings, and a pretrained sentence encoder where there is one on this machine."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor, nn

from core.backbones.base import OnShare, Params, backbone
from core.backbones.small import RawParams
from core.errors import InputError
from core.samples.hashing import BUCKETS, word_shares

ENCODER = "all-MiniLM-L6-v2"
LONGEST = 256  # word pieces of a text that the encoder was trained on


class WordParams(Params):
    width: int = Field(128, ge=4, le=1024, description="Numbers that a word becomes.")


class EncoderParams(Params):
    bottleneck: int = Field(128, ge=2, le=2048, description="Number of features that methods align and maps show.")


class WordShares(nn.Module):
    """Word buckets to the share of each bucket, as rows of length 1."""

    def forward(self, x: Tensor) -> Tensor:
        return word_shares(x)


@backbone(
    "word-shares",
    title="Word shares",
    kinds=("text",),
    params=RawParams,
    summary=f"No network: how often each of {BUCKETS:,} buckets of words and pairs of words occurs. For shallow methods.",
)
def shares(shape: tuple[int, ...], params: RawParams):
    return WordShares(), nn.Identity(), BUCKETS


@backbone(
    "word-net",
    title="Bag of embeddings",
    kinds=("text",),
    params=WordParams,
    summary="Each word and pair of words becomes a vector that is learned; a text is their mean (Joulin et al. 2017). Trains in seconds.",
)
def word_net(shape: tuple[int, ...], params: WordParams):
    bag = nn.EmbeddingBag(BUCKETS + 1, params.width, mode="mean", padding_idx=0)
    return nn.Identity(), bag, params.width


def _encode(texts: tuple[str, ...], params: EncoderParams, device: torch.device, on_share: OnShare | None) -> Tensor:
    """Mean of the encoder's last word vectors, length 1 (Reimers and Gurevych 2019): float32 N×384."""
    from transformers import AutoModel, AutoTokenizer  # pyright: ignore[reportMissingImports]  (not on every machine)

    place = encoder_folder()
    if place is None:
        raise InputError(
            "backbone.name",
            f"the weights of {ENCODER} are not on this machine.",
            f"Put its files into a folder {ENCODER} below SENTENCE_TRANSFORMERS_HOME, or choose word-net.",
        )
    tokenizer = AutoTokenizer.from_pretrained(place, local_files_only=True)
    model = AutoModel.from_pretrained(place, local_files_only=True, use_safetensors=True).to(device).eval()
    parts = []
    for start in range(0, len(texts), 64):
        some = list(texts[start : start + 64])
        tokens = tokenizer(some, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt").to(device)
        words, there = model(**tokens).last_hidden_state, tokens["attention_mask"][..., None]
        parts.append(nn.functional.normalize((words * there).sum(1) / there.sum(1).clamp_min(1), dim=1))
        if on_share:
            on_share(min(1.0, (start + 64) / len(texts)))
    return torch.cat(parts).float()


def encoder_folder() -> Path | None:
    """Where the encoder's files lie: ``$SENTENCE_TRANSFORMERS_HOME/all-MiniLM-L6-v2``; None if they are nowhere."""
    home = os.environ.get("SENTENCE_TRANSFORMERS_HOME")
    place = Path(home).expanduser() / ENCODER if home else None
    return place if place and (place / "config.json").is_file() and (place / "model.safetensors").is_file() else None


if find_spec("transformers") and encoder_folder():

    @backbone(
        "sentence-encoder",
        title="Sentence encoder",
        kinds=("text",),
        params=EncoderParams,
        summary=f"{ENCODER}, pretrained and frozen: it knows that other words may say the same. 23 M weights.",
        encode=_encode,
    )
    def sentence_encoder(shape: tuple[int, ...], params: EncoderParams):
        return nn.Identity(), nn.Identity(), 384
