"""Dropout, optimisers, gradient checks and the language model."""

import contextlib
import functools
import inspect

import numpy as np

import rnncourse.reference as ref

from .entries import ANY_AXES, FLOAT32, SHAPE, SIGN, B, H, I, T, add, generator, normal, rng


def listed(function):
    """A generator function that is run to its end."""

    @functools.wraps(function)
    def run(**arguments):
        return list(function(**arguments))

    return run


@functools.wraps(ref.gradcheck)
def gradcheck_compares(**arguments):
    """gradcheck, whose GradientError is not about its arguments."""
    with contextlib.suppress(ref.GradientError):
        return ref.gradcheck(**arguments)


# Dropout

free = {f"x: {way}": "of any shape" for way in SHAPE} | {"x: float32": FLOAT32}
add("dropout_forward", free=free, x=normal((T, B)), p=0.5, rng=generator(), training=True)
free = {"x: axis * *": "of any size", "x: float32": FLOAT32}
add("locked_dropout_forward", free=free, x=normal((T, B, H)), p=0.5, rng=generator(), training=True)
free = {"weight: axis * *": "of any size", "weight: float32": FLOAT32}
add("embedding_dropout_forward", free=free, weight=normal((7, I)), p=0.5, rng=generator(), training=True)
add("dropout_backward", d_output=normal((T, B)), cache=ref.dropout_forward(normal((T, B)), 0.5, rng=generator())[1])
add("dropout_mask", free=ANY_AXES, rng=generator(), shape=(2, 3), p=0.5, dtype=np.float64)
params = {"weight_hh_l0": normal((H, H)), "bias_hh_l0": normal(H)}
names = ["weight_hh_l0"]
OTHERS = {"params['bias_hh_l0']: *": "not one of names: handed on as it is", "params: a key too many": "as before"}
OTHERS |= {"params: without 'bias_hh_l0'": "as before"}
free = OTHERS | {
    "params['weight_hh_l0']: axis * *": "of any size",
    "params['weight_hh_l0']: float32": "a dtype of its own",
}
free |= {"names: one too few": "nothing is dropped", "names: one too many": "twice the same"}
options = {"names": names, "columns": True, "rng": generator(), "training": True}
add("weight_drop_forward", free=free, params=params, p=0.5, **options)
cache = ref.weight_drop_forward(params, 0.5, rng=generator())[1]
OTHERS = {pattern.replace("params", "grads"): reason for pattern, reason in OTHERS.items()}
add("weight_drop_backward", free=OTHERS, grads={k: normal(p.shape) for k, p in params.items()}, cache=cache)

# Optimisers and training

for name in ("SGD", "Adam", "AdamW", "Adagrad", "RMSProp"):
    make = getattr(ref, name)
    params = {"w": normal((2, 3)), "b": normal(2)}
    parameters = inspect.signature(make).parameters.values()
    arguments = {p.name: p.default for p in parameters if p.default is not p.empty}
    arguments |= {"params": params, "lr": 0.1} | ({"momentum": 0.5} if name == "SGD" else {})
    free = {
        f"params['{key}']: {way}": "of any shape"
        for key in params
        for way in (*SHAPE, "float32")
        if (key, way) != ("b", "axis * *")
    }
    free |= {"params['b']: axis 0 *": "of any shape", "params: a key too many": "any names"}
    free |= {f"params: without '{key}'": "any names" for key in params}
    add(name, free=free, **arguments)
    add(f"{name}.step", make(params, 0.1).step, grads={key: normal(p.shape) for key, p in params.items()})
grads = {"w": normal((2, 3)), "b": normal(2)}
free = {f"grads['{key}']: {way}": "of any shape and dtype" for key in grads for way in SHAPE[:-1]}
free |= {"grads['*']: axis * *": "of any shape and dtype", "grads['*']: float32": "of any shape and dtype"}
free |= {"grads: a key too many": "any names", "grads: without '*'": "any names"}
add("clip_grad_norm_", free=free, grads=grads, max_norm=1.0)
lstm = ref.init_lstm(generator(), I, H)
for name, option in {"set_forget_bias_": {"value": 1.0}, "chrono_": {"rng": generator(), "max_lag": 9.0}}.items():
    free = {
        "params['weight_ih_l0']: *": "not a bias, nor what tells their size",
        "params: a key too many": "other arrays",
    }
    free |= {"params: without 'weight_ih_l0'": "other arrays"} | (
        {"value: negative": SIGN} if "value" in option else {}
    )
    free |= {"params['weight_hh_l0']: axis 1 of one": "a projection"}
    add(name, free=free, params=lstm, **option)


def language_model():
    return ref.RNNLanguageModel(7, I, H, rng=generator(), dtype=np.float64)


model = language_model()
sizes = {"vocab_size": 7, "embedding_size": I, "hidden_size": H}
add("RNNLanguageModel", **sizes, nonlinearity="tanh", rng=generator(), dtype=np.float64)
ids, targets, h_0 = rng.integers(0, 7, (T, B)), rng.integers(0, 7, (T, B)), normal((B, H))
FREE_T = {"ids: axis 0 *": "any number of steps"}
add("RNNLanguageModel.initial_state", model.initial_state, batch_size=B)
add("RNNLanguageModel.forward", model.forward, free=FREE_T, ids=ids, h_0=h_0)
cache = model.forward(ids, h_0)[2]
add("RNNLanguageModel.backward", model.backward, d_logits=normal((T, B, 7)), d_h_n=normal((B, H)), cache=cache)
add("RNNLanguageModel.loss_and_grads", model.loss_and_grads, ids=ids, targets=targets, h_0=h_0)
text = rng.integers(0, 7, 9)
LONGER = {"ids: axis 0 longer": "a text of any length"}
add("RNNLanguageModel.surprise", model.surprise, free=LONGER, ids=text, chunk=4)
add("RNNLanguageModel.evaluate", model.evaluate, free=LONGER, ids=text)
options = {"length": 3, "temperature": 0.5, "rng": generator()}
add("sample", free={"prompt: axis 0 *": "of any length"}, model=model, prompt=text, **options)
trained = language_model()
batches = [(ids, targets)] * 2
left = {"batches": "what comes from it is given to model.loss_and_grads, whose own entry stands above"}
arguments = {"model": trained, "batches": batches, "optimizer": ref.SGD(trained.params, 0.1)}
add("tbptt", listed(ref.tbptt), left=left, **arguments, max_norm=1.0, h_0=h_0)
array = normal((2, 3))
free = {f"array: {way}": "of any shape" for way in SHAPE}
add("numerical_gradient", free=free, f=lambda: float((array**2).sum()), array=array, eps=1e-5)
gradients = {"array": 2 * array}
free = {"grads: a key too many": "not asked for", "arrays: without 'array'": "not asked for"}
free |= {"grads['array']: float32": "compared with a tolerance"}
free |= {f"grads['array']: {way}": "reported as a GradientError" for way in ("NaN", "infinity")}
add(
    "gradcheck",
    gradcheck_compares,
    free=free,
    f=lambda: float((array**2).sum()),
    arrays={"array": array},
    grads=gradients,
    eps=1e-5,
    tolerance=1e-6,
)
