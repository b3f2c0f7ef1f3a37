"""How residual codebooks train."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CodebookOptions:
    """How codebooks train, all members alike; `ResidualQuantizer` says what each is."""

    decay: float = 0.99
    dead_code_share: float = 0.05
    dead_codes: str = "redraw"
    codebook_init: str = "kmeans"
    cosine: bool = False
    rotation_trick: bool = True
    by_gradient: bool = False
    synchronise: bool = False

    @property
    def redraws(self) -> bool:
        """Whether unused codes are redrawn."""
        return self.dead_codes == "redraw" and self.dead_code_share > 0

    @property
    def anchor(self) -> str:
        """To which anchors unused codes are drawn; nothing where they are not."""
        return self.dead_codes.removeprefix("cvq_") if self.dead_codes.startswith("cvq_") else ""

    @property
    def counts(self) -> bool:
        """Whether anybody asks how much a code is used."""
        return not self.by_gradient or self.redraws or bool(self.anchor)
