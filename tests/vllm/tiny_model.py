"""Create a model of 2 layers with random weights: what it returns has no meaning, except for tool calls.

Runs with the libraries of vLLM: `python tiny_model.py DIRECTORY [chat|tools|embedding|reranking]`.
"""

import itertools
import json
import sys
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

SENTENCE = "Write hello in one short sentence. The quick brown fox jumps over the lazy dog."
# The tokens of a response to every prompt: a tool call as Qwen3 writes it. Each follows the one before.
CALL = (
    *("<assistant>", "<think>", "</think>", "<tool_call>", '{"name":"get_weather",'),
    *('"arguments":', '{"city":"Graz"}', "}", "</tool_call>"),
)
CHAT_TEMPLATE = (
    "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}<assistant>"
)


def main(directory: str, kind: str = "chat") -> None:
    """Train a tokenizer on a sentence and save it with an untrained Llama or BERT."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator([SENTENCE], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    torch.manual_seed(0)
    if kind not in ("chat", "tools"):
        save_encoder(directory, kind, fast)
        return
    if kind == "tools":
        fast.add_tokens([AddedToken(text, normalized=False) for text in CALL])
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(directory)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=1024,
        bos_token_id=0,
        eos_token_id=1,
    )
    model = LlamaForCausalLM(config)
    if kind == "tools":
        teach(model, [*fast.convert_tokens_to_ids(list(CALL)), fast.eos_token_id])
    model.to(torch.bfloat16).save_pretrained(directory)


def teach(model: LlamaForCausalLM, tokens: list[int]) -> None:
    """Change the weights so that each of the tokens is followed by the next one.

    The layers add nothing, so the last hidden state is the embedding of the last token.
    """
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.lm_head.weight.zero_()
        for before, after in itertools.pairwise(tokens):
            embedding = model.model.embed_tokens.weight[before]
            model.lm_head.weight[after] = 10 * embedding / embedding.norm()


def save_encoder(directory: str, kind: str, tokenizer: PreTrainedTokenizerFast) -> None:
    """Save a BERT with a pooling module of Sentence Transformers, or with one score."""
    tokenizer.add_special_tokens({"pad_token": "<pad>", "cls_token": "<s>", "sep_token": "</s>"})
    tokenizer.save_pretrained(directory)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        pad_token_id=tokenizer.pad_token_id,
        num_labels=1,
    )
    model = BertModel(config) if kind == "embedding" else BertForSequenceClassification(config)
    model.save_pretrained(directory)
    if kind != "embedding":
        return
    modules = [("0", "", "Transformer"), ("1", "1_Pooling", "Pooling")]
    listed = [
        {"idx": int(name), "name": name, "path": path, "type": f"sentence_transformers.models.{module}"}
        for name, path, module in modules
    ]
    (Path(directory) / "modules.json").write_text(json.dumps(listed))
    pooling = {"word_embedding_dimension": config.hidden_size, "pooling_mode_mean_tokens": True}
    (Path(directory) / "1_Pooling").mkdir()
    (Path(directory) / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


if __name__ == "__main__":
    main(*sys.argv[1:])
