"""The CPU generator against PyTorch's, bit for bit: values and the state after every call."""

from __future__ import annotations

import math
import platform
import warnings
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mindtorch._rng import MT19937Engine, mcg31
from mindtorch._rng import distributions as dist
from mindtorch._rng.engine import DEFAULT_SEED, STATE_SIZE
from mindtorch._rng.float_math import fma32, fma64

torch = pytest.importorskip("torch")

SEEDS = (0, 1, 42, 1234, 2**31 - 1, 2**32 + 5, -1)
SIZES = (0, 1, 7, 15, 16, 17, 31, 100, 1000, 4097)
FLOATING = ("float32", "float64", "float16", "bfloat16")


def _intel_with_mkl() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    intel = cpuinfo.exists() and "GenuineIntel" in cpuinfo.read_text()
    return intel and torch.backends.mkl.is_available()


avx2 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or torch.backends.cpu.get_cpu_capability() == "DEFAULT",
    reason="PyTorch takes its AVX2 kernels, which are reproduced here, on x86 only",
)
not_mkl = pytest.mark.skipif(_intel_with_mkl(), reason="on Intel, PyTorch draws this with MKL's own generator")


@pytest.fixture(autouse=True)
def _keep_torch_state() -> Iterator[None]:
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def bits(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def check_same(expected: torch.Tensor, actual: np.ndarray) -> None:
    reference = to_numpy(expected)
    assert actual.dtype == reference.dtype
    assert actual.shape == reference.shape
    np.testing.assert_array_equal(bits(actual), bits(reference))


def seeded(seed: int) -> tuple[torch.Generator, MT19937Engine]:
    return torch.Generator().manual_seed(seed), MT19937Engine(seed)


def check_state(generator: torch.Generator, engine: MT19937Engine) -> None:
    np.testing.assert_array_equal(engine.get_state(), generator.get_state().numpy())


def check_filling(method: str, args: tuple, draw, dtype: str, sizes: tuple[int, ...] = SIZES) -> None:
    """One chain of calls over all sizes for every seed, so that cached samples carry over from call to call."""
    for seed in SEEDS:
        generator, engine = seeded(seed)
        for size in sizes:
            tensor = torch.empty(size, dtype=getattr(torch, dtype))
            getattr(tensor, method)(*args, generator=generator)
            check_same(tensor, draw(engine, size, *args, dtype=dtype))
            check_state(generator, engine)


class TestEngine:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_seed_gives_pytorchs_state(self, seed: int) -> None:
        generator, engine = seeded(seed)
        check_state(generator, engine)
        assert engine.initial_seed() == generator.initial_seed()

    def test_default_seed(self) -> None:
        assert MT19937Engine().initial_seed() == DEFAULT_SEED == torch.Generator().initial_seed()

    @pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
    def test_seed_out_of_range(self, seed: int) -> None:
        with pytest.raises(ValueError, match="does not fit in 64 bits"):
            MT19937Engine(seed)
        with pytest.raises(ValueError, match="Overflow"):
            torch.Generator().manual_seed(seed)

    def test_random_seed_is_remembered_and_reproducible(self) -> None:
        engine = MT19937Engine()
        seed = engine.seed()
        assert 0 <= seed < 2**53
        assert engine.initial_seed() == seed
        np.testing.assert_array_equal(engine.random(700), MT19937Engine(seed).random(700))

    @settings(max_examples=40, deadline=None)
    @given(seed=st.integers(-(2**63), 2**64 - 1), counts=st.lists(st.integers(0, 700), max_size=5))
    def test_words_and_states_at_any_position(self, seed: int, counts: list[int]) -> None:
        generator, engine = seeded(seed)
        for count in counts:
            words = torch.empty(count, dtype=torch.int64).random_(0, 2**28 - 1, generator=generator)
            np.testing.assert_array_equal(engine.random(count) % np.uint64(2**28 - 1), words.numpy())
            check_state(generator, engine)

    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 2**32), used=st.integers(0, 1300), normals=st.integers(0, 5))
    def test_state_travels_both_ways(self, seed: int, used: int, normals: int) -> None:
        generator, engine = seeded(seed)
        torch.rand(used, generator=generator)
        torch.randn(normals, generator=generator)
        engine.set_state(generator.get_state().numpy())
        check_state(generator, engine)
        check_same(torch.randn(9, generator=generator), dist.randn(engine, 9))
        other = torch.Generator()
        other.set_state(torch.from_numpy(engine.get_state()))
        assert other.initial_seed() == engine.initial_seed() == generator.initial_seed()
        check_same(torch.randn(33, generator=other), dist.randn(engine, 33))

    def test_cached_float_sample_survives(self) -> None:
        engine = MT19937Engine(3)
        engine.next_float_normal = 0.625
        other = MT19937Engine()
        other.set_state(engine.get_state())
        assert other.next_float_normal == 0.625
        generator = torch.Generator()
        generator.set_state(torch.from_numpy(engine.get_state()))
        check_state(generator, engine)

    def test_manual_seed_forgets_cached_samples(self) -> None:
        engine = MT19937Engine(3)
        dist.randn(engine, 3)
        assert engine.next_double_normal is not None
        engine.manual_seed(3)
        np.testing.assert_array_equal(engine.get_state(), MT19937Engine(3).get_state())

    @pytest.mark.parametrize(("offset", "value"), [(8, 0), (8, 250), (12, 0), (16, 255)])
    def test_states_that_no_generator_reaches_are_refused(self, offset: int, value: int) -> None:
        engine = MT19937Engine(3)
        engine.random(5)
        state = engine.get_state()
        state[offset : offset + 2] = value
        before = engine.get_state()
        with pytest.raises(RuntimeError, match="invalid mt19937 state"):
            engine.set_state(state)
        np.testing.assert_array_equal(engine.get_state(), before)

    def test_wrong_size_and_dtype_of_state(self) -> None:
        engine = MT19937Engine()
        with pytest.raises(RuntimeError, match=f"{STATE_SIZE} bytes but found 100"):
            engine.set_state(np.zeros(100, np.uint8))
        with pytest.raises(TypeError, match="ByteTensor"):
            engine.set_state(np.zeros(STATE_SIZE, np.float32))


class TestFusedMultiplyAdd:
    """Against exact rational arithmetic."""

    finite = st.floats(-1e6, 1e6, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-6)

    @staticmethod
    def exact(a: float, b: float, c: float) -> Fraction:
        return Fraction(a) * Fraction(b) + Fraction(c)

    @settings(max_examples=300, deadline=None)
    @given(a=finite, b=finite, c=finite)
    def test_fma64(self, a: float, b: float, c: float) -> None:
        exact = self.exact(a, b, c)
        # Division of integers is correctly rounded in Python.
        assert float(fma64(a, b, c)) == exact.numerator / exact.denominator

    @pytest.mark.parametrize("sign", [1, -1])
    def test_fma32_where_two_roundings_differ(self, sign: int) -> None:
        # 1 + 2**-23 + 2**-24 - 2**-54 is below the middle of two float32; float64 rounds it to the middle.
        a, b, c = np.float32([2**-24 * (1 + 2**-15)]), np.float32(1 - 2**-15), np.float32(1 + 2**-23)
        assert np.float32(float(a[0]) * float(b) + float(c)) == 1 + 2**-22
        assert fma32(sign * a, b, sign * c)[0] == sign * (1 + 2**-23)

    @settings(max_examples=300, deadline=None)
    @given(
        a=st.integers(2**23, 2**24 - 1),
        b=st.integers(2**23, 2**24 - 1),
        shift=st.integers(-60, 60),
        sign=st.sampled_from([-1.0, 1.0]),
    )
    def test_fma32(self, a: int, b: int, shift: int, sign: float) -> None:
        c = sign * 2.0**shift
        result = float(fma32(np.array([a], np.float32), np.float32(b), np.float32(c))[0])
        exact = self.exact(a, b, c)
        below, above = (float(np.nextafter(np.float32(result), np.float32(d))) for d in (-math.inf, math.inf))
        assert abs(exact - self.exact(result, 1, 0)) <= min(abs(exact - self.exact(x, 1, 0)) for x in (below, above))


@avx2
class TestContinuous:
    @pytest.mark.parametrize("dtype", FLOATING)
    @pytest.mark.parametrize("args", [(0.0, 1.0), (-0.3, 1.7), (1000.0, 1001.0), (2.5, 2.5)])
    def test_uniform(self, args: tuple, dtype: str) -> None:
        check_filling("uniform_", args, dist.uniform, dtype)

    @pytest.mark.parametrize("dtype", FLOATING)
    @pytest.mark.parametrize("args", [(0.0, 1.0), (0.3, 1.7), (-100.0, 0.02), (5.0, 0.0)])
    def test_normal(self, args: tuple, dtype: str) -> None:
        check_filling("normal_", args, dist.normal, dtype)

    def test_many_blocks(self) -> None:
        generator, engine = seeded(7)
        check_same(torch.randn(200_003, generator=generator), dist.randn(engine, 200_003))
        check_same(torch.rand(200_003, generator=generator), dist.rand(engine, 200_003))
        check_state(generator, engine)

    def test_normal_of_a_tensor_that_is_not_contiguous(self) -> None:
        generator, engine = seeded(5)
        tensor = torch.zeros(40, 2)[:, 0]
        tensor.normal_(0.5, 2.0, generator=generator)
        check_same(tensor.contiguous(), dist.normal(engine, 40, 0.5, 2.0, contiguous=False))
        check_state(generator, engine)

    @not_mkl
    @pytest.mark.parametrize("dtype", FLOATING)
    @pytest.mark.parametrize("args", [(1.0,), (0.37,)])
    def test_exponential(self, args: tuple, dtype: str) -> None:
        check_filling("exponential_", args, dist.exponential, dtype)

    @pytest.mark.parametrize("dtype", FLOATING)
    def test_cauchy(self, dtype: str) -> None:
        check_filling("cauchy_", (0.3, 1.7), dist.cauchy, dtype)

    @pytest.mark.parametrize("dtype", FLOATING)
    def test_log_normal(self, dtype: str) -> None:
        check_filling("log_normal_", (0.3, 1.7), dist.log_normal, dtype)

    @settings(max_examples=40, deadline=None)
    @given(
        seed=st.integers(0, 2**32),
        calls=st.lists(st.tuples(st.sampled_from(FLOATING), st.integers(0, 70), st.booleans()), max_size=8),
        mean=st.floats(-10, 10),
        std=st.floats(0.001, 10),
    )
    def test_chains_of_calls(self, seed: int, calls: list, mean: float, std: float) -> None:
        generator, engine = seeded(seed)
        for dtype, size, is_normal in calls:
            tensor = torch.empty(size, dtype=getattr(torch, dtype))
            if is_normal:
                check_same(tensor.normal_(mean, std, generator=generator), dist.normal(engine, size, mean, std, dtype))
            else:
                tensor.uniform_(mean, mean + std, generator=generator)
                check_same(tensor, dist.uniform(engine, size, mean, mean + std, dtype))
            check_state(generator, engine)

    @pytest.mark.parametrize(
        ("method", "draw", "args"),
        [
            ("uniform_", dist.uniform, (1.0, 0.0)),
            ("uniform_", dist.uniform, (0.0, 1e39)),
            ("uniform_", dist.uniform, (-3e38, 3e38)),
            ("uniform_", dist.uniform, (math.nan, 1.0)),
            ("normal_", dist.normal, (0.0, -1.0)),
            ("normal_", dist.normal, (0.0, math.nan)),
            ("exponential_", dist.exponential, (0.0,)),
            ("cauchy_", dist.cauchy, (0.0, 0.0)),
            ("log_normal_", dist.log_normal, (0.0, 0.0)),
            ("geometric_", dist.geometric, (0.0,)),
            ("geometric_", dist.geometric, (1.0,)),
            ("bernoulli_", dist.bernoulli, (1.5,)),
        ],
    )
    def test_parameters_that_pytorch_refuses(self, method: str, draw, args: tuple) -> None:
        with pytest.raises(RuntimeError):
            getattr(torch.empty(3), method)(*args)
        with pytest.raises(RuntimeError, match=r"expects|out of bounds"):
            draw(MT19937Engine(), 3, *args)


class TestIntegers:
    DTYPES = ("int64", "int32", "int16", "int8", "uint8", "bool", "uint16", "uint32", "uint64", *FLOATING)
    BOUNDS = (
        (),
        (0, 10),
        (-5, 5),
        (0, 2**8),
        (0, 2**11 + 1),
        (0, 2**24 + 1),
        (0, 2**28 - 1),
        (0, 2**28),
        (0, 2**31),
        (0, 2**32),
        (0, 2**53 + 1),
        (0, 2**62),
        (5, None),
        (2**24 + 1, None),
        (-(2**62), None),
        (-(2**63), None),
        (-(2**63), 2**63 - 1),
        (2**24 + 1, 2**24 + 3),
        (-(2**24) - 5, -(2**24) - 1),
        (3, 3),
    )

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("bounds", BOUNDS)
    def test_random(self, bounds: tuple, dtype: str) -> None:
        for seed in SEEDS[:3]:
            generator, engine = seeded(seed)
            tensor = torch.empty(100, dtype=getattr(torch, dtype))
            try:
                tensor.random_(*bounds, generator=generator)
            except (RuntimeError, NotImplementedError):
                with pytest.raises((RuntimeError, NotImplementedError)):
                    dist.random(engine, 100, *bounds, dtype=dtype)
                continue
            check_same(tensor, dist.random(engine, 100, *bounds, dtype=dtype))
            check_state(generator, engine)

    def test_values_that_cannot_be_drawn_are_warned_of(self) -> None:
        with pytest.warns(UserWarning, match="does not hold every integer"):
            dist.random(MT19937Engine(), 3, 0, 2**25 + 1, "float32")

    @settings(max_examples=60, deadline=None)
    @given(seed=st.integers(0, 2**32), low=st.integers(-(2**62), 2**62), span=st.integers(1, 2**62 - 1))
    def test_randint(self, seed: int, low: int, span: int) -> None:
        generator, engine = seeded(seed)
        expected = torch.randint(low, low + span, (20,), generator=generator)
        check_same(expected, dist.randint(engine, 20, low, low + span))
        check_state(generator, engine)

    @pytest.mark.parametrize("n", [0, 1, 2, 17, 127, 128, 129, 256, 257, 1000, 2049, 2050, 32768, 32769, 100_000])
    @pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "int8", "uint8", *FLOATING])
    def test_randperm(self, dtype: str, n: int) -> None:
        generator, engine = seeded(n)
        try:
            expected = torch.randperm(n, dtype=getattr(torch, dtype), generator=generator)
        except RuntimeError:
            with pytest.raises(RuntimeError, match="cannot be greater"):
                dist.randperm(engine, n, dtype)
            return
        check_same(expected, dist.randperm(engine, n, dtype))
        check_state(generator, engine)


class TestDiscrete:
    @not_mkl
    @pytest.mark.parametrize("dtype", ["bool", "int32", "int64", "uint8", *FLOATING])
    @pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 1.0])
    def test_bernoulli(self, p: float, dtype: str) -> None:
        check_filling("bernoulli_", (p,), dist.bernoulli, dtype)

    @pytest.mark.parametrize("p_dtype", FLOATING)
    def test_bernoulli_with_a_tensor(self, p_dtype: str) -> None:
        generator, engine = seeded(3)
        p = torch.rand(5, 200, generator=generator).to(getattr(torch, p_dtype))
        dist.rand(engine, 1000)
        check_same(torch.bernoulli(p, generator=generator), dist.bernoulli_tensor(engine, to_numpy(p), p_dtype))
        mask = torch.empty(5, 200, dtype=torch.bool).bernoulli_(p, generator=generator)
        check_same(mask, dist.bernoulli_tensor(engine, to_numpy(p), "bool"))
        check_state(generator, engine)
        with pytest.raises(RuntimeError, match="outside"):
            dist.bernoulli_tensor(engine, to_numpy(p) * 0 - 1)

    @pytest.mark.parametrize("dtype", ["int64", "int8", "uint8", "int16", *FLOATING])
    @pytest.mark.parametrize("p", [0.01, 0.3, 0.95])
    def test_geometric(self, p: float, dtype: str) -> None:
        check_filling("geometric_", (p,), dist.geometric, dtype)

    @pytest.mark.parametrize("dtype", FLOATING)
    def test_poisson(self, dtype: str) -> None:
        generator, engine = seeded(11)
        rates = torch.tensor([0.0, 0.01, 0.7, 3.0, 9.99, 10.0, 11.5, 40.0, 1000.0] * 40, dtype=getattr(torch, dtype))
        check_same(torch.poisson(rates, generator=generator), dist.poisson(engine, to_numpy(rates)))
        check_state(generator, engine)
        with pytest.raises(RuntimeError, match="non-negative"):
            dist.poisson(engine, np.float32([-1]))


@not_mkl
class TestSampling:
    @pytest.mark.parametrize("dtype", FLOATING)
    @pytest.mark.parametrize("p", [0.0, 0.1, 0.3, 0.5, 0.77, 1.0])
    def test_dropout_noise(self, p: float, dtype: str) -> None:
        for size in (1, 16, 1000, 40_000):
            torch.manual_seed(size)
            engine = MT19937Engine(size)
            expected = torch.nn.functional.dropout(torch.ones(size, dtype=getattr(torch, dtype)), p)
            check_same(expected, dist.dropout_noise(engine, size, p, dtype))
            np.testing.assert_array_equal(engine.get_state(), torch.get_rng_state().numpy())

    def test_dropout_mask_is_native_dropouts(self) -> None:
        torch.manual_seed(5)
        _, mask = torch.native_dropout(torch.ones(777), 0.3, True)
        check_same(mask, dist.dropout_mask(MT19937Engine(5), 777, 0.3))

    def test_dropout_probability_out_of_range(self) -> None:
        with pytest.raises(ValueError, match="between 0 and 1"):
            dist.dropout_mask(MT19937Engine(), 3, 1.1)

    @pytest.mark.parametrize("dtype", FLOATING)
    @pytest.mark.parametrize("replacement", [False, True])
    @pytest.mark.parametrize("categories", [1, 5, 1000])
    def test_multinomial(self, categories: int, replacement: bool, dtype: str) -> None:
        for seed in SEEDS:
            generator, engine = seeded(seed)
            weights = torch.rand(3, categories, generator=generator) + 0.01
            dist.rand(engine, 3 * categories)
            if categories == 5:
                weights[1, 4] = weights[2, 0] = 0
            weights = weights.to(getattr(torch, dtype))
            # More samples of 16-bit weights meet equal quotients, whose order PyTorch leaves open.
            counts = (1, 200) if replacement else (1,) if dtype in ("float16", "bfloat16") else (1, min(categories, 4))
            for count in counts:
                for rows in (weights, weights[0]):
                    expected = torch.multinomial(rows, count, replacement, generator=generator)
                    check_same(expected, dist.multinomial(engine, to_numpy(rows), count, replacement))
                    check_state(generator, engine)

    @pytest.mark.parametrize(
        ("weights", "args"),
        [
            ([-1.0, 2.0], (1,)),
            ([math.nan, 2.0], (1,)),
            ([math.inf, 2.0], (1,)),
            ([0.0, 0.0], (1,)),
            ([0.0, 0.0], (3, True)),
            ([1.0, 1.0], (3,)),
            ([1.0, 1.0], (0,)),
            ([[[1.0]]], (1,)),
        ],
    )
    def test_multinomial_refuses_what_pytorch_refuses(self, weights: list, args: tuple) -> None:
        with pytest.raises(RuntimeError) as torch_error:
            torch.multinomial(torch.tensor(weights), *args)
        with pytest.raises(RuntimeError) as error:
            dist.multinomial(MT19937Engine(), np.float32(weights), *args)
        assert str(error.value) == str(torch_error.value)


class TestMklBernoulli:
    """Against what vslNewStream(VSL_BRNG_MCG31) and viRngBernoulli of MKL 2024.2 gave for the same seeds."""

    @pytest.mark.parametrize(
        ("seed", "p", "first", "ones", "checksum"),
        [
            (1608637542, 0.7, "001111111010001110110101", 70160, 3883623017),
            (2**31 - 1, 0.25, "100110000110001000000110", 25031, 2652562554),
        ],
    )
    def test_draws(self, seed: int, p: float, first: str, ones: int, checksum: int) -> None:
        draws = mcg31.bernoulli(seed, 100_000, p)
        assert "".join("01"[int(bit)] for bit in draws[:24]) == first
        assert draws.sum() == ones
        assert zlib.crc32(np.packbits(draws).tobytes()) == checksum

    def test_asked_for_by_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MINDTORCH_RNG_MKL", "1")
        # 1608637542 is the first word of seed 42; one word is used, whatever the size.
        engine, other = MT19937Engine(42), MT19937Engine(42)
        np.testing.assert_array_equal(dist.bernoulli(engine, 500, 0.7), mcg31.bernoulli(1608637542, 500, 0.7))
        other.random(1)
        np.testing.assert_array_equal(engine.get_state(), other.get_state())

    @pytest.mark.skipif(not _intel_with_mkl(), reason="needs an Intel processor and a PyTorch with MKL")
    @pytest.mark.parametrize("size", [1, 16, 5000])
    def test_pytorch_on_intel(self, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MINDTORCH_RNG_MKL", "1")
        generator, engine = seeded(9)
        check_same(torch.empty(size).bernoulli_(0.3, generator=generator), dist.bernoulli(engine, size, 0.3, "float32"))
        check_state(generator, engine)


def test_dtype_that_has_no_such_distribution() -> None:
    with pytest.raises(NotImplementedError, match=r"uniform_.*int64"):
        dist.uniform(MT19937Engine(), 3, dtype="int64")


def test_overflow_to_infinity_is_silent_as_in_pytorch() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isinf(dist.cauchy(MT19937Engine(0), 5000, 0.0, 1e5, "float16").astype(np.float32)).any()
