"""Tiny transformers of random weights, as folders that a person may have."""

from __future__ import annotations

from pathlib import Path

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "so", "some", "##what"]


def tiny_wav2vec2(folder: Path) -> Path:
    """A model of waveforms with random weights, saved to a folder."""
    import transformers

    config = transformers.Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        conv_dim=(8, 8), conv_stride=(16, 20), conv_kernel=(16, 20), num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2, num_feat_extract_layers=2,
    )  # fmt: skip
    transformers.Wav2Vec2Model(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(sampling_rate=16_000).save_pretrained(folder)
    return folder


def tiny_bert(folder: Path) -> Path:
    """A model of text with random weights and its tokenizer, saved to a folder."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    vocabulary = {piece: i for i, piece in enumerate(PIECES)}
    split = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    split.pre_tokenizer = pre_tokenizers.Whitespace()
    split.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=split, unk_token="[UNK]", pad_token="[PAD]"
    ).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(PIECES), hidden_size=12, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=80,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def tiny_clip(folder: Path) -> Path:
    """CLIP's two towers with random weights, and the tokenizer of `tiny_bert`."""
    import transformers

    tiny_bert(folder)
    (folder / "model.safetensors").unlink()
    small = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    text = transformers.CLIPTextConfig(
        vocab_size=len(PIECES), max_position_embeddings=80, eos_token_id=3, **small
    )
    vision = transformers.CLIPVisionConfig(image_size=8, patch_size=4, **small)
    config = transformers.CLIPConfig(
        text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=8
    )
    transformers.CLIPModel(config).save_pretrained(folder)
    return folder
