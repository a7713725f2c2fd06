# ruff: noqa
# %% [markdown] lang="en"
# # Lab 2: Fine-tune
#
# *In this lab: what the model learns from, what low rank means, what four bits store.*
# ([In italiano](docs/it/labs/finetune.md); as a program: [labs/finetune.py](labs/finetune.py); before:
# [Encode](docs/labs/encode.md); next: [Infer](docs/labs/infer.md))
#
# ## What the model learns from
#
# A model reads **tokens**, pieces of words with a number each. A training example is one row of tokens: the
# prompt, the answer and an end token, which the model has to learn to write, or it would never stop.

# %% [markdown] lang="it"
# # Laboratorio 2: addestrare
#
# *In questo laboratorio: da che cosa impara il modello, che cosa vuol dire rango basso, che cosa
# contengono quattro bit.* ([In English](docs/labs/finetune.md); come programma:
# [labs/finetune.py](labs/finetune.py); prima: [Codificare](docs/it/labs/encode.md); poi:
# [Inferenza](docs/it/labs/infer.md))
#
# ## Da che cosa impara il modello
#
# Un modello legge **token**, pezzi di parole con un numero ciascuno. Un esempio di addestramento è una riga
# di token: il prompt, la risposta e un token di fine, che il modello deve imparare a scrivere, altrimenti
# non si fermerebbe mai.

# %%
import json

from labs.tools import small_run, text_encoder

run = small_run(upto="encode")
lines = (run / "encoded" / "train.jsonl").read_text(encoding="utf-8").splitlines()
train = [json.loads(line) for line in lines]
encoder = text_encoder()
example = next(row for row in train if row["task"] == "acti_b")
row = encoder.encode_example(example["task"], example["input"], example["output"])
print(len(row.ids), "tokens, of which the prompt has", row.prompt)
print("the answer:", row.ids[row.prompt :], "=", repr(example["output"]), "and the end token")

# %% [markdown] lang="en"
# The **loss** is taken on the answer only. The prompt is given at inference too, so there is no point in
# learning to write it; and it is most of the row, so that it would drown the few tokens that matter:

# %% [markdown] lang="it"
# La **loss** si calcola soltanto sulla risposta. Il prompt è dato anche all'inferenza, quindi non serve
# imparare a scriverlo; ed è quasi tutta la riga, sicché coprirebbe i pochi token che contano:

# %%
rows = [encoder.encode_example(r["task"], r["input"], r["output"]) for r in train]
answers = sum(len(r.ids) - r.prompt for r in rows)
tokens = sum(len(r.ids) for r in rows)
print(f"{answers / tokens:.1%} of all tokens belong to answers")

# %% [markdown] lang="en"
# Rows have different lengths, and the usual remedy is **padding**: short rows are filled up with a token
# that means nothing, and the GPU computes that nothing. Here rows are *packed*, one after the other, and
# attention is kept within each ([decision 4](docs/decisions/0004-packed-rows.md)). What padding would cost
# in batches of 32:

# %% [markdown] lang="it"
# Le righe hanno lunghezze diverse, e il rimedio usuale è il **padding**: le righe corte si riempiono con un
# token che non significa nulla, e la GPU calcola quel nulla. Qui le righe si *impacchettano*, una dopo
# l'altra, e l'attenzione resta dentro ciascuna ([decisione 4](docs/decisions/0004-packed-rows.md)). Quanto
# costerebbe il padding in batch di 32:

# %%
lengths = [len(r.ids) for r in rows]
batches = [lengths[i : i + 32] for i in range(0, len(lengths), 32)]
padded = sum(max(batch) * len(batch) for batch in batches)
print(f"{1 - tokens / padded:.0%} of the computed positions would be padding")

# %% [markdown] lang="en"
# ## What low rank means
#
# Fine-tuning all weights of a LLaMA-7B takes many times the memory of a modest GPU: weights, gradients and
# two moments for each. **LoRA** leaves a weight matrix W as it is and learns an update B·A beside it, where
# A has only *r* rows and B only *r* columns. The product has the shape of W, but its *rank* is at most r:
# it can move the output in r directions. A rank of 8 for a matrix of 4096 by 4096 means 65,536 numbers to
# learn instead of 16.8 million.
#
# Let us train, on a few questions; this takes seconds.

# %% [markdown] lang="it"
# ## Che cosa vuol dire rango basso
#
# Addestrare tutti i pesi di un LLaMA-7B richiede molte volte la memoria di una GPU modesta: pesi, gradienti
# e due momenti per ciascuno. **LoRA** lascia stare la matrice dei pesi W e impara accanto a essa un
# aggiornamento B·A, dove A ha soltanto *r* righe e B soltanto *r* colonne. Il prodotto ha la forma di W, ma
# il suo *rango* è al massimo r: può spostare l'uscita in r direzioni. Rango 8 per una matrice di 4096 per
# 4096 significa 65.536 numeri da imparare invece di 16,8 milioni.
#
# Addestriamo, su poche domande; bastano secondi.

# %% tags=["varies"]
run = small_run(upto="finetune")
print((run / "metrics" / "finetune" / "dev.csv").read_text(encoding="utf-8"))

# %% [markdown] lang="en"
# The dev loss after each epoch, which decides which epoch's adapter is kept. And this is what was learnt for
# one matrix:

# %% [markdown] lang="it"
# Sono le loss sul dev set dopo ogni epoca, che decidono di quale epoca si tiene l'adapter. Ed ecco che cosa
# si è imparato per una matrice:

# %%
import torch
from safetensors.torch import load_file

adapter = load_file(run / "adapter" / "adapter_model.safetensors")
name = next(key for key in adapter if "q_proj.lora_A" in key)
a, b = adapter[name], adapter[name.replace("lora_A", "lora_B")]
base = load_file("data/bases/llama/model.safetensors")
weight = base[name.removeprefix("base_model.model.").replace("lora_A.", "")].float()
print("W", tuple(weight.shape), " A", tuple(a.shape), " B", tuple(b.shape))
print("rank of B·A:", int(torch.linalg.matrix_rank(b.float() @ a.float())), "of", min(weight.shape))
print(f"numbers learnt: {a.numel() + b.numel():,} instead of {weight.numel():,}")

# %% [markdown] lang="en"
# ## What four bits store
#
# LoRA needs the base only to compute with, so the base may be stored coarsely. **NF4** cuts each matrix
# into blocks of 64 weights. For a block it stores the largest absolute value, and for each weight the
# nearest of 16 levels between -1 and 1, which is four bits. The levels are not evenly spaced: weights are
# about normally distributed, so there are more levels where more weights are.

# %% [markdown] lang="it"
# ## Che cosa contengono quattro bit
#
# A LoRA la base serve soltanto per calcolare, quindi la si può conservare in modo grossolano. **NF4** taglia
# ogni matrice in blocchi di 64 pesi. Di un blocco conserva il valore assoluto più grande, e di ogni peso il
# più vicino fra 16 livelli tra -1 e 1, cioè quattro bit. I livelli non sono equidistanti: i pesi sono
# distribuiti all'incirca come una normale, e ci sono più livelli dove ci sono più pesi.

# %%
from bitsandbytes.functional import dequantize_4bit, quantize_4bit

codes, state = quantize_4bit(weight, blocksize=64, quant_type="nf4")
print("levels:", [round(float(level), 2) for level in state.code])
print("a row of W:", [round(float(w), 3) for w in weight[0, :6]])
print("stored as: ", [round(float(w), 3) for w in dequantize_4bit(codes, state)[0, :6]])
print(f"{(codes.numel() * 8 + state.absmax.numel() * 32) / weight.numel():.1f} bits a weight")

# %% [markdown] lang="en"
# ## Trap: fp4 by accident
#
# Who asks the usual library for four bits, and says no more, does not get NF4:

# %% [markdown] lang="it"
# ## Trappola: fp4 per caso
#
# Chi chiede quattro bit alla solita libreria, e non dice altro, non ottiene NF4:

# %%
from transformers import BitsAndBytesConfig

print(BitsAndBytesConfig(load_in_4bit=True).bnb_4bit_quant_type)


def error(kind, matrix, block=64):
    """Root mean square of the error, as a share of the weights'."""
    flat = matrix.flatten()
    restored = dequantize_4bit(*quantize_4bit(flat, blocksize=block, quant_type=kind))
    return float((restored - flat).pow(2).mean().sqrt() / flat.pow(2).mean().sqrt())


matrices = [w.float() for key, w in base.items() if "_proj" in key]
errors = {kind: sum(error(kind, m) for m in matrices) / len(matrices) for kind in ("nf4", "fp4")}
for kind, share in errors.items():
    print(f"{kind}: weights are off by {share:.1%}")
print(f"fp4 costs {errors['fp4'] / errors['nf4'] - 1:.0%} more error, and saves nothing")

# %% [markdown] lang="en"
# Here `model.quantization` says `nf4`, `int8` or `none`, and nothing else is accepted.
#
# ## Exercises
#
# 1. How many numbers does LoRA of rank *r* learn for a matrix of *n* by *m*? Check it against the adapter
#    file as a whole.

# %% [markdown] lang="it"
# Qui `model.quantization` dice `nf4`, `int8` o `none`, e nient'altro è accettato.
#
# ## Esercizi
#
# 1. Quanti numeri impara LoRA di rango *r* per una matrice di *n* per *m*? Verificatelo su tutto il file
#    dell'adapter.

# %% tags=["solution"]
learnt = 0
for key, part in adapter.items():
    if "lora_A" in key:
        rank = part.shape[0]
        n, m = base[key.removeprefix("base_model.model.").replace("lora_A.", "")].shape
        learnt += rank * (n + m)
assert learnt == sum(part.numel() for part in adapter.values())
print(f"{learnt:,}")

# %% [markdown] lang="en"
# 2. A larger block stores fewer maxima. What does it cost? Try blocks of 64, 256 and 1024.

# %% [markdown] lang="it"
# 2. Un blocco più grande conserva meno massimi. Quanto costa? Provate blocchi di 64, 256 e 1024.

# %% tags=["solution"]
by_block = {block: error("nf4", weight, block) for block in (64, 256, 1024)}
assert sorted(by_block.values()) == [*by_block.values()]
for block, share in by_block.items():
    print(f"{block:5} weights a block: {4 + 32 / block:.2f} bits a weight, off by {share:.1%}")
