"""The environment of every test and of the kernels that nbval starts, which inherit it.

At the root, so that `pytest --nbval chapters/NN-….ipynb` has it as well.
"""

import os

# Before NumPy or torch is imported: small recurrent steps are much slower on two threads of a busy machine, and
# sums in another order differ in their last digits.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
# The exercises' numbers in the stored outputs are the book's own.
os.environ["RNNCOURSE_READER"] = "book"
os.environ["PYTHONHASHSEED"] = "0"
