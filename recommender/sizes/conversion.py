"""Conversion of sizes between systems of one department, by the body measurement both are made for.

Every table here leads to a body measurement, and two sizes convert if their bodies agree; where no such
table exists for the department, scale and size type, :func:`convert` abstains. What the tables rest on:

* **Women's clothing**, bust girth (the primary dimension of EN 13402-2): Italian sizes are half the bust
  girth in cm, French sizes half of it less 4, German sizes half of it less 6, in steps of 4 cm. Charts that
  name one "EU" size disagree: UK 12 is EU 38 where they follow Germany, as this table does, EU 40 where they
  follow France. BS 3666 puts UK 12 at 86 to 90 cm and UK 14 at 90 to 94 cm. ASTM D5585-95 puts US misses 8
  at 35 in (88.9 cm); retail numbers US sizes as UK less 4. Australia numbers as the UK does (AS 1344). JIS L
  4005: 9 is 83 cm in steps of 3 cm, so some Japanese sizes lie between two Western ones.
  Only up to DE 44 (bust 100 cm): above, steps differ from country to country.
* **Men's jackets and suits**, chest girth: German, Italian and EU sizes are half the chest in cm (EN
  13402-3), UK and US sizes are the chest in inches, which retail takes for the European size less
  10 (34 = 44 to 46 = 56, as in Lord & Taylor's chart of tailoring); turned into cm, a US 42 would come out as 54,
  one size too large. **Men's trousers**: German, Italian and EU sizes are half the chest of the suit (drop 7:
  waist = chest − 14 cm), UK and US sizes are the waist in inches.
* **Shoes**, foot length (ISO/TS 19407, Mondopoint of ISO 9407): EU = 1.5 · cm + 2 (Paris points of
  ⅔ cm, the last two points longer than the foot), UK adults = 3 · inches − 23 (barleycorns of ⅓ inch), US men's = UK
  + 1, US women's = UK + 2, Japan = cm. Children: UK child = 3 · inches − 10 (13½ is followed by 1, the adult line), US = UK + 1.
  France, Germany and Italy are read as EU. Brands differ from these by up to half a size.
* **Bras**, underbust and cup (EN 13402-3): EU 75 = UK 34 = US 34 = FR 90 = IT 3 = AU 12 in steps of 5 cm or 2 in;
  cups by their order (A, B, C, D, UK DD = EU E, UK E = US DDD = EU F). Inch and
  centimetre cups drift apart, so larger cups and Japanese ones (2.5 cm a cup from 10 cm) do not convert.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from recommender.departments import AgeGroup, Family, Gender, department_from_code
from recommender.sizes.scales import Scale, SizeType, base_of, size_type_in
from recommender.sizes.size import Size

Measure = Callable[[float], float]
"""Body measurement in cm of a size (in whole units, as labelled)."""


class Table:
    """One department's scales: each maps a size to a body measurement, within stated bounds.

    Args:
        measures: by scale, the measurement in cm of a size.
        bounds: by scale, the least and the greatest size that the table vouches for.
        steps: by scale, the distance of the sizes that exist, in half units.
        tolerance_cm: how far two bodies may differ for their sizes to be the same.
    """

    def __init__(
        self,
        measures: Mapping[int, Measure],
        bounds: Mapping[int, tuple[float, float]],
        steps: Mapping[int, int],
        tolerance_cm: float,
    ) -> None:
        self._measures, self._bounds, self._steps, self._tolerance_cm = measures, bounds, steps, tolerance_cm

    def convert(self, value: int, base: int, to_base: int) -> int | None:
        """Return the nearest size of the other scale in half units, ``None`` if none is near or two are equally so."""
        if base not in self._measures or to_base not in self._measures:
            return None
        low, high = self._bounds[base]
        if not low <= value / 2 <= high:
            return None
        girth = self._measures[base](value / 2)
        measure, (low, high) = self._measures[to_base], self._bounds[to_base]
        candidates = sorted(
            (round(abs(measure(other / 2) - girth), 3), other)
            for other in range(round(2 * low), round(2 * high) + 1, self._steps[to_base])
        )
        (best, found), rivals = candidates[0], candidates[1:]
        if best > self._tolerance_cm or (rivals and rivals[0][0] - best < 0.05):
            return None
        return found


_WOMEN: Final = Table(
    measures={
        Scale.CLOTHING_DE: lambda size: 2 * (size + 6),
        Scale.CLOTHING_EU: lambda size: 2 * (size + 6),
        Scale.CLOTHING_FR: lambda size: 2 * (size + 4),
        Scale.CLOTHING_IT: lambda size: 2 * size,
        Scale.CLOTHING_UK: lambda size: 2 * (size + 32),
        Scale.CLOTHING_AU: lambda size: 2 * (size + 32),
        Scale.CLOTHING_US: lambda size: 2 * (size + 36),
        Scale.CLOTHING_JP: lambda size: 83 + 1.5 * (size - 9),
    },
    bounds={
        Scale.CLOTHING_DE: (32, 44),
        Scale.CLOTHING_EU: (32, 44),
        Scale.CLOTHING_FR: (34, 46),
        Scale.CLOTHING_IT: (38, 50),
        Scale.CLOTHING_UK: (6, 18),
        Scale.CLOTHING_AU: (6, 18),
        Scale.CLOTHING_US: (2, 14),
        Scale.CLOTHING_JP: (5, 15),
    },
    steps=dict.fromkeys(range(Scale.CLOTHING_US, Scale.CLOTHING_AU + 1), 4),
    tolerance_cm=1.0,
)

_CHEST: Final = Table(
    measures={
        Scale.CLOTHING_DE: lambda size: 2 * size,
        Scale.CLOTHING_EU: lambda size: 2 * size,
        Scale.CLOTHING_IT: lambda size: 2 * size,
        Scale.CLOTHING_UK: lambda size: 2 * (size + 10),
        Scale.CLOTHING_US: lambda size: 2 * (size + 10),
    },
    bounds={
        Scale.CLOTHING_DE: (44, 56),
        Scale.CLOTHING_EU: (44, 56),
        Scale.CLOTHING_IT: (44, 56),
        Scale.CLOTHING_UK: (34, 46),
        Scale.CLOTHING_US: (34, 46),
    },
    steps=dict.fromkeys(range(Scale.CLOTHING_US, Scale.CLOTHING_AU + 1), 4),
    tolerance_cm=1.0,
)

_MEN_WAIST: Final = Table(
    measures={
        Scale.CLOTHING_DE: lambda size: 2 * size - 14,
        Scale.CLOTHING_EU: lambda size: 2 * size - 14,
        Scale.CLOTHING_IT: lambda size: 2 * size - 14,
        Scale.WAIST_INSEAM: lambda size: 2.54 * size,
    },
    bounds={
        Scale.CLOTHING_DE: (44, 54),
        Scale.CLOTHING_EU: (44, 54),
        Scale.CLOTHING_IT: (44, 54),
        Scale.WAIST_INSEAM: (28, 38),
    },
    steps={Scale.CLOTHING_DE: 4, Scale.CLOTHING_EU: 4, Scale.CLOTHING_IT: 4, Scale.WAIST_INSEAM: 4},
    tolerance_cm=2.6,
)


def _shoes(us_over_uk: float, *, children: bool) -> Table:
    """Return the table of adults' or children's shoes; children's numbers run on from 13½ as 14 = youth's 1."""
    european = (16.0, 40.0) if children else (34.0, 50.0)
    zero = 10.0 if children else 23.0
    english = (0.5, 19.0) if children else (1.0, 15.5)

    def foot_of_eu(size: float) -> float:
        return (size - 2) / 1.5

    def foot_of_uk(size: float) -> float:
        return 2.54 * (size + zero) / 3

    continental = (Scale.SHOE_EU, Scale.SHOE_DE, Scale.SHOE_FR, Scale.SHOE_IT)
    measures: dict[int, Measure] = dict.fromkeys(continental, foot_of_eu)
    measures[Scale.SHOE_UK] = foot_of_uk
    measures[Scale.SHOE_US] = lambda size: foot_of_uk(size - us_over_uk)
    measures[Scale.SHOE_JP] = lambda size: size
    bounds: dict[int, tuple[float, float]] = dict.fromkeys(continental, european)
    bounds[Scale.SHOE_UK] = english
    bounds[Scale.SHOE_US] = (english[0] + us_over_uk, english[1] + us_over_uk)
    bounds[Scale.SHOE_JP] = (9.5, 24.0) if children else (21.0, 32.0)
    return Table(measures, bounds, dict.fromkeys(measures, 1), tolerance_cm=0.25)


_WOMEN_SHOES: Final = _shoes(2.0, children=False)
_MEN_SHOES: Final = _shoes(1.0, children=False)
_CHILDREN_SHOES: Final = _shoes(1.0, children=True)

_BANDS: Final[Mapping[int, tuple[int, int]]] = {
    Scale.BRA_EU: (75, 5),
    Scale.BRA_DE: (75, 5),
    Scale.BRA_FR: (90, 5),
    Scale.BRA_IT: (3, 1),
    Scale.BRA_UK: (34, 2),
    Scale.BRA_US: (34, 2),
    Scale.BRA_AU: (12, 2),
}
"""By scale: the band that goes with EU 75 (underbust 73 to 77 cm), and the step to the next."""

_LAST_COMMON_CUP: Final = 6
"""Order of UK E = US DDD = EU F, counted from AA; beyond it inch and centimetre cups are no longer the same."""


@lru_cache(maxsize=16_384)
def convert(size: Size, to_scale: int, department: int) -> Size | None:
    """Return the size of another scale that is made for the same body, ``None`` where no table says so.

    Args:
        size: any size.
        to_scale: code of the wanted scale.
        department: department code; women's, men's and children's tables differ.

    Returns:
        The size itself if it is of that scale already. ``None`` also for another size type than the
        wanted scale's, for sizes outside a table's bounds and for bodies between two sizes.
    """
    if size.scale == to_scale:
        return size
    if size_type_in(size.scale) is not SizeType.REGULAR or size_type_in(to_scale) is not SizeType.REGULAR:
        return None
    base, to_base = base_of(size.scale), base_of(to_scale)
    if Scale.BRA <= base <= Scale.BRA_AU:
        return _convert_bra(size, base, to_base)
    table = _table_of(department)
    if table is None or (base < Scale.ALPHA and size.second):
        return None
    value = table.convert(size.value, base, to_base)
    return None if value is None else Size(to_base, value, size.second if base >= Scale.SHOE else 0)


def _table_of(department: int) -> Table | None:
    where = department_from_code(department)
    if where.family is Family.SHOES:
        if where.age_group is not AgeGroup.ADULT:
            return _CHILDREN_SHOES
        return {Gender.FEMALE: _WOMEN_SHOES, Gender.MALE: _MEN_SHOES}.get(where.gender)
    if where.age_group is not AgeGroup.ADULT:
        return None
    if where.gender is Gender.FEMALE:
        covered = {Family.TOPS, Family.BOTTOMS, Family.DRESSES, Family.OUTERWEAR}
        return _WOMEN if where.family in covered else None
    if where.gender is Gender.MALE:
        return {Family.OUTERWEAR: _CHEST, Family.BOTTOMS: _MEN_WAIST}.get(where.family)
    return None


def _convert_bra(size: Size, base: int, to_base: int) -> Size | None:
    if base not in _BANDS or to_base not in _BANDS:
        return None
    cup = size.second // 2
    if cup > _LAST_COMMON_CUP:
        return None
    (origin, step), (to_origin, to_step) = _BANDS[base], _BANDS[to_base]
    steps, rest = divmod(size.value - 2 * origin, 2 * step)
    if rest or not -3 <= steps <= 5:
        return None
    return Size(to_base, 2 * (to_origin + steps * to_step), size.second)
