"""The VQ-GAN of heatmaps: reconstruction, codebook, perception, and a discriminator's verdict.

loss = `loss.l1` |x - x'| + `loss.perceptual` P(x, x') + `loss.codebook` q
       + `disc_factor` `disc_weight` lambda (-mean D(x')), the last from step `disc_start` on;
lambda is adaptive. P is LPIPS where a file of its weights is given, else the discriminator's own
features, matched from the step on at which it starts; `stated` says which. Adam for generator and
discriminator alike, as in the authors' code.

"Adversarially refined VQ-GAN with dense motion tokenization", section III; seed of the form of the
losses: https://arxiv.org/abs/2012.09841.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from search_spaces.heatmap_families import HOUSE_QUANTIZERS, PART
from search_spaces.space import Config
from trainables.heatmaps.codec import Coded, HeatmapCodec, Piece
from trainables.heatmaps.dataset import HeatmapData
from trainables.heatmaps.stream import WindowStream
from trainables.losses.adversarial import adaptive_weight, feature_matching, hinge
from trainables.losses.lpips import Lpips, load_lpips
from trainables.networks.patch_gan import PatchDiscriminator
from trainables.quantizers.named import new_quantizer
from trainables.quantizers.nearest_code import NearestCode
from trainables.quantizers.quantizer import Quantizer
from trainables.runtime import Runtime

_START_WINDOWS = 64
"""Windows at most that a codebook of the data starts from."""


class VQGANCodec(HeatmapCodec):
    """A VQ-GAN of heatmaps."""

    family = "vqgan"
    _lpips: tuple[Lpips, str] | None = None

    @property
    def adversarial(self) -> bool:
        """Whether a discriminator judges."""
        return bool(self.config["adversarial"])

    @property
    def plain(self) -> bool:
        """Whether the codebook learns by gradient, its own losses weighed inside it."""
        return self.config["codebook"] == "plain"

    def perceptual(self) -> str:
        """What the perceptual term is reckoned with."""
        if self.number("loss.perceptual") == 0:
            return "none: its weight is 0"
        if self.config["perceptual_weights"]:
            return "LPIPS-VGG"
        if self.adversarial:
            return "discriminator features"
        return "none: no weights and no discriminator"

    def stated(self) -> dict[str, str]:
        """What the perceptual term was, and the hash of its weights."""
        said = {"perceptual": self.perceptual()}
        if said["perceptual"] == "LPIPS-VGG":
            said["perceptual_hash"] = self.lpips("cpu")[1]
        return said

    def lpips(self, device: str) -> tuple[Lpips, str]:
        """The perceptual network, read once, and the hash of its file."""
        if self._lpips is None:
            self._lpips = load_lpips(Path(str(self.config["perceptual_weights"])).expanduser())
        self._lpips[0].to(device)
        return self._lpips

    def new_networks(self, workers: int) -> dict[str, nn.Module]:
        """Encoder, decoder, quantizer, and a discriminator where one judges."""
        found = {**self.autoencoder(), "quantizer": self._new_quantizer(workers)}
        if self.adversarial:
            norm = "spectral" if self.config["disc_norm"] == "spectral" else "group"
            width = self.number("width")
            found["discriminator"] = PatchDiscriminator(self.outward, width, norm)  # type: ignore[arg-type]
        return found

    def learners(self, networks: nn.ModuleDict) -> dict[str, list[nn.Parameter]]:
        """The generator's weights, codebook included, and the discriminator's."""
        found: dict[str, list[nn.Parameter]] = {"generator": []}
        for name, network in networks.items():
            whose = name if name == "discriminator" else "generator"
            found.setdefault(whose, []).extend(network.parameters())
        return found

    @property
    def codes_from(self) -> int:
        """The step `codebook_start`."""
        return self.whole("codebook_start")

    def start(self, data: HeatmapData, stream: WindowStream, runtime: Runtime) -> None:
        """Codes that follow latents start from those of the first windows, others where latents
        are there before codes."""
        quantizer: Quantizer = self.networks["quantizer"]
        wanted, found = quantizer.initial_sample, list[Tensor]()
        if self.plain and not self.codes_from:
            return
        with torch.no_grad():
            for window in (stream.batch(step)[0] for step in range(_START_WINDOWS)):
                pictures = data.pair(window, runtime.device).input[None]
                found.append(_rows(self._latents(pictures)))
                if sum(map(len, found)) >= wanted:
                    break
            quantizer.initialise(torch.cat(found))

    def work_off(
        self, piece: Piece, step: int, share: float, runtime: Runtime
    ) -> dict[str, Tensor]:
        """Both players' losses of a piece, each back-propagated into its own weights alone."""
        losses, fake = self._reconstructed(piece, step >= self.codes_from, runtime)
        total = self.number("loss.l1") * losses["loss.l1"]
        if "loss.perceptual" in losses:
            total = total + self.number("loss.perceptual") * losses["loss.perceptual"]
        judged = self.adversarial and step >= self.whole("disc_start")
        factor = self.number("disc_factor")
        if judged:
            critic: PatchDiscriminator = self.networks["discriminator"]
            critic.requires_grad_(False)
            with self.mixed(fake):
                features = critic.features(fake)
                verdict = -critic.judged(features).float().mean()
            if self.perceptual() == "discriminator features":
                with torch.no_grad(), self.mixed(fake):
                    real = critic.features(piece.target)
                losses["loss.perceptual"] = feature_matching(real, features)
                total = total + self.number("loss.perceptual") * losses["loss.perceptual"]
            last = self.networks["decoder"].last.weight
            weight = adaptive_weight(total, verdict, last, runtime)
            losses |= {"loss.adversarial": verdict, "adaptive_weight": weight}
            total = total + factor * self.number("disc_weight") * weight * verdict
            critic.requires_grad_(True)
        total = total + self.number("loss.codebook") * losses["loss.codebook"]
        (share * total).backward()
        if judged:
            with self.mixed(fake):
                told = hinge(critic, piece.target, fake)
            (share * factor * told).backward()
            losses["loss.discriminator"] = told
        return {"loss": total, **losses}

    def _reconstructed(
        self, piece: Piece, coded: bool, runtime: Runtime
    ) -> tuple[dict[str, Tensor], Tensor]:
        latents = self._latents(piece.input)
        quantized, of_codes = _rows(latents), latents.new_zeros(())
        if coded:
            quantized, _, of_codes = self.networks["quantizer"].quantize(quantized)
            if not self.plain:
                of_codes = self.number("commitment") * of_codes
        fake = self._decoded(_grid(quantized, latents))
        losses = {"loss.l1": (fake - piece.target).abs().mean(), "loss.codebook": of_codes}
        if self.perceptual() == "LPIPS-VGG":
            network, _ = self.lpips(runtime.device)
            with self.mixed(fake):
                losses["loss.perceptual"] = network(piece.target, fake)
        return losses, fake

    @torch.no_grad()
    def coded(self, pictures: Tensor) -> Coded:
        """A window through encoder, nearest codes and decoder."""
        self.networks.eval()
        latents = self._latents(pictures[None])
        quantizer: Quantizer = self.networks["quantizer"]
        rows = _rows(latents)
        indices = quantizer.indices(rows)
        codes = quantizer.decode(indices)
        out = self._decoded(_grid(codes, latents))[0]
        return Coded(indices[:, 0].reshape(latents.shape[2:]), rows, codes, out)

    @torch.no_grad()
    def decode(self, indices: Tensor) -> Tensor:
        """Pictures from a grid of indices."""
        codes = self.networks.eval()["quantizer"].decode(indices.reshape(-1, 1))
        return self._decoded(codes.reshape(1, *indices.shape, -1).movedim(-1, 1))[0]

    def coding_arrays(self) -> dict[str, Tensor]:
        """The codebook."""
        return dict(self.networks["quantizer"].arrays())

    def load_coding_arrays(self, arrays: Mapping[str, Tensor]) -> None:
        """Takes the codebook."""
        self.networks["quantizer"].load_arrays(arrays)

    def _new_quantizer(self, workers: int) -> Quantizer:
        dim, codes = self.whole("latent_dim"), self.whole("codebook_size")
        if self.plain:
            legacy = bool(self.config["legacy_weighting"])
            return NearestCode(dim, codes, self.number("commitment"), legacy)
        named: Config = {
            "quantizer": HOUSE_QUANTIZERS[str(self.config["codebook"])],
            "quantizer_depth": 1,
            "latent_dim": dim,
            "codebook_size": codes,
            "decay": 0.95,
            "dead_code_share": 0.05,
        }
        factor, size = self.whole("compression"), self.whole("picture")
        tokens = self.whole("window") * size**2 // factor**3 * self.whole("batch_windows")
        return new_quantizer(named, PART, tokens, workers > 1)

    def _latents(self, pictures: Tensor) -> Tensor:
        with self.mixed(pictures):
            return torch.as_tensor(self.networks["encoder"](pictures)).float()

    def _decoded(self, latents: Tensor) -> Tensor:
        with self.mixed(latents):
            return torch.as_tensor(self.networks["decoder"](latents)).float()


def _rows(latents: Tensor) -> Tensor:
    """(windows, dim, T, H, W) -> (tokens, dim)."""
    return latents.movedim(1, -1).flatten(0, -2)


def _grid(rows: Tensor, like: Tensor) -> Tensor:
    """(tokens, dim) -> the shape of latents."""
    windows, dim, *grid = like.shape
    return rows.reshape(windows, *grid, dim).movedim(-1, 1)
