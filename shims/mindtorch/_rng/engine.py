"""PyTorch's CPU random engine: a Mersenne Twister with cached normal samples and a fixed byte layout of its state.

The words come from NumPy's ``MT19937`` bit generator, which runs the same recurrence and tempering (Matsumoto and
Nishimura, 1998). What is added here is what makes it PyTorch's: how a seed becomes a state, how two words make 64 bits,
the second half of a Box-Muller pair kept for the next call, and ``get_state``/``set_state`` in the layout that
``torch.get_rng_state`` gives, so that states travel both ways.
"""

from __future__ import annotations

import secrets

import numpy as np

__all__ = ["DEFAULT_SEED", "STATE_SIZE", "MT19937Engine"]

#: The seed of a generator that nobody has seeded (``torch.Generator().initial_seed()``).
DEFAULT_SEED = 67280421310721

_WORDS = 624
_MASK32 = 0xFFFFFFFF
_MASK64 = 0xFFFFFFFFFFFFFFFF

# The C struct behind torch.get_rng_state(). `left` counts the words until the next refill plus one, `next` is the index
# of the next word; `normal_x` and `normal_rho` are left over from Torch7 and stay zero.
STATE_SIZE = 5056
_STATE_FIELDS = {
    "seed": ("<u8", 0),
    "left": ("<i4", 8),
    "seeded": ("<i4", 12),
    "next": ("<u8", 16),
    "state": (("<u8", (_WORDS,)), 24),
    "normal_x": ("<f8", 5016),
    "normal_y": ("<f8", 5024),
    "normal_rho": ("<f8", 5032),
    "normal_is_valid": ("<i4", 5040),
    "float_normal": ("<f4", 5048),
    "float_normal_is_valid": ("?", 5052),
}
_STATE_DTYPE = np.dtype(
    {
        "names": list(_STATE_FIELDS),
        "formats": [fmt for fmt, _ in _STATE_FIELDS.values()],
        "offsets": [offset for _, offset in _STATE_FIELDS.values()],
        "itemsize": STATE_SIZE,
    }
)


class MT19937Engine:
    """The generator behind ``torch.Generator('cpu')``, word for word.

    ``next_double_normal`` and ``next_float_normal`` hold the second sample of a Box-Muller pair (standard normal,
    before scaling) or None; the distributions take and set them.
    """

    __slots__ = ("_bits", "_seed", "_untouched", "next_double_normal", "next_float_normal")

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        self._bits = np.random.MT19937()
        self.manual_seed(seed)

    # ---- seeding

    def manual_seed(self, seed: int) -> None:
        """Restart from ``seed``, an integer of 64 bits, signed or unsigned; negative ones count from 2**64 down.

        Only the low 32 bits choose the words, as in PyTorch; all 64 come back from ``initial_seed``.
        Raises ValueError when the seed does not fit in 64 bits.
        """
        if not -(1 << 63) <= seed <= _MASK64:
            raise ValueError(f"Overflow when unpacking long long: the seed {seed} does not fit in 64 bits")
        self._seed = seed & _MASK64
        # RandomState.seed(int) is Knuth's multiplicative initialisation, the one that PyTorch's engine uses.
        np.random.RandomState(self._bits).seed(self._seed & _MASK32)
        self._untouched = True
        self.next_double_normal: float | None = None
        self.next_float_normal: float | None = None

    def seed(self) -> int:
        """Restart from a random seed (53 bits, so that a double holds it) and return it."""
        seed = secrets.randbits(53)
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed of the last ``manual_seed`` (or of the state last set), as an unsigned 64-bit number."""
        return self._seed

    # ---- words

    def random(self, count: int) -> np.ndarray:
        """The next ``count`` 32-bit words, as a uint64 array of shape (count,)."""
        if count:
            self._untouched = False
        return self._bits.random_raw(count)

    def random64(self, count: int) -> np.ndarray:
        """The next ``count`` 64-bit words (high half first), as a uint64 array of shape (count,)."""
        pairs = self.random(2 * count).reshape(count, 2)
        high = pairs[:, 0] << np.uint64(32)
        high |= pairs[:, 1]
        return high

    # ---- state

    def get_state(self) -> np.ndarray:
        """The state as ``torch.get_rng_state()`` lays it out: a uint8 array of 5056 bytes (little-endian)."""
        words = self._bits.state["state"]
        record = np.zeros(1, _STATE_DTYPE)
        record["seed"] = self._seed
        record["seeded"] = 1
        # NumPy writes "all words used" as pos 624 in every case; PyTorch tells a fresh seed (next 0) from a used block.
        record["next"] = 0 if self._untouched else words["pos"]
        record["left"] = 1 if self._untouched else _WORDS + 1 - words["pos"]
        record["state"] = words["key"]
        if self.next_double_normal is not None:
            record["normal_y"] = self.next_double_normal
            record["normal_is_valid"] = 1
        if self.next_float_normal is not None:
            record["float_normal"] = self.next_float_normal
            record["float_normal_is_valid"] = True
        return record.view(np.uint8)

    def set_state(self, state: np.ndarray) -> None:
        """Continue from ``state``, a uint8 array from ``get_state`` or ``torch.get_rng_state()``.

        Raises TypeError for another dtype, RuntimeError for a size or content that is no state.
        """
        state = np.asarray(state)
        if state.dtype != np.uint8:
            raise TypeError(f"expected a ByteTensor as RNG state, but got {state.dtype}")
        if state.size != STATE_SIZE:
            raise RuntimeError(f"expected an RNG state of {STATE_SIZE} bytes but found {state.size}")
        record = np.ascontiguousarray(state).reshape(-1).view(_STATE_DTYPE)[0]
        left, following = int(record["left"]), int(record["next"])
        if record["seeded"] != 1 or not 0 < left <= _WORDS or following > _WORDS:
            raise RuntimeError("invalid mt19937 state")
        self._restore_words(record["state"], left, following)
        self._seed = int(record["seed"])
        self.next_double_normal = float(record["normal_y"]) if record["normal_is_valid"] else None
        self.next_float_normal = float(record["float_normal"]) if record["float_normal_is_valid"] else None

    def _restore_words(self, words: np.ndarray, left: int, following: int) -> None:
        # left == 1 means that the block is spent, whatever `next` says; elsewhere the two agree.
        if left != 1 and left + following != _WORDS + 1:
            raise RuntimeError("invalid mt19937 state")
        position = _WORDS if left == 1 else following
        key = words.astype(np.uint32)
        self._bits.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": position}}
        self._untouched = left == 1 and following == 0
