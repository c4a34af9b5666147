"""Random visitors, feature sets and sticky buckets, for holding two implementations of GrowthBook against each other."""

import random
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Final

Json = dict[str, Any]

ALPHABETS: Final = (
    "0123456789abcdef",
    "ABCxyz-_.~ ",
    "äöüßçğışÇĞİŞ",
    "日本語中文",
    "😀👗👟🧥",
    "'\"\\/%&?#\n\t",
)
COUNTRIES: Final = ("TR", "DE", "FR", "US", "tr", "", "日本")
DEVICES: Final = ("ios", "android", "web")
_VALUES: Final[list[list[Any]]] = [list("abcde"), [True, False, 1, 0, None], [{"n": n} for n in range(5)]]
GROUPS: Final[Json] = {
    "vip": ["u-1", "u-2", 3, 4.5, "日本"],
    "beta": {"type": "list", "attributeKey": "country", "values": ["TR", "FR"]},
    "grown_up": {"type": "condition", "condition": {"age": {"$gte": 18}, "country": {"$ne": "US"}}},
}


def random_id(rng: random.Random) -> Any:
    """Return an id as shops have them: hex, numbers, or texts of any script."""
    kind = rng.random()
    if kind < 0.3:
        return f"{rng.getrandbits(128):032x}"
    if kind < 0.4:
        return f"u-{rng.randrange(50)}"
    if kind < 0.55:
        return rng.randrange(1, 10 ** rng.randrange(1, 22))
    if kind < 0.65:
        return rng.choice(
            [rng.random(), rng.uniform(-1e6, 1e6), 10.0 ** rng.randrange(-9, 25), -rng.randrange(9)]
        )
    alphabet = rng.choice(ALPHABETS)
    return "".join(rng.choices(alphabet, k=rng.randrange(1, 90 if kind > 0.95 else 24)))


def random_visitor(rng: random.Random) -> Json:
    """Return the attributes of a visitor; those that conditions order are always there and of one type."""
    attributes: Json = {
        "age": rng.choice([rng.randrange(90), rng.uniform(0, 90)]),
        "name": "".join(rng.choices(rng.choice(ALPHABETS), k=rng.randrange(6))),
        "version": f"{rng.randrange(4)}.{rng.randrange(12)}.{rng.randrange(3)}{rng.choice(['', '-rc.1', '+b7'])}",
        "device": {"os": rng.choice(DEVICES), "screen": {"width": rng.randrange(300, 2000)}},
    }
    optional: dict[str, Callable[[], Any]] = {
        "id": lambda: random_id(rng),
        "device_id": lambda: random_id(rng),
        "country": lambda: rng.choice(COUNTRIES),
        "premium": lambda: rng.choice([True, False, None, 0, 1]),
        "tags": lambda: rng.choices(["a", "B", "c", 1, True, None, 0, {"k": 1}], k=rng.randrange(5)),
        "orders": lambda: [{"total": rng.randrange(200), "city": rng.choice("abc")} for _ in range(rng.randrange(4))],
    }  # fmt: skip
    chances = {"id": 0.95, "device_id": 0.8}
    for name, make in optional.items():
        if rng.random() < chances.get(name, 0.7):
            attributes[name] = make()
        elif rng.random() < 0.3:
            attributes[name] = rng.choice(["", None, 0, False, []]) if name in chances else None
    return attributes


def random_condition(rng: random.Random, depth: int = 0) -> Json:
    """Return a condition of one to three parts."""
    if depth < 3 and rng.random() < 0.35:
        name = rng.choice(["$and", "$or", "$nor"])
        return {name: [random_condition(rng, depth + 1) for _ in range(rng.randrange(4))]}
    if depth < 3 and rng.random() < 0.15:
        return {"$not": random_condition(rng, depth + 1)}
    leaves: list[Callable[[], Json]] = [
        lambda: {"country": rng.choice(COUNTRIES)},
        lambda: {"country": {rng.choice(["$eq", "$ne"]): rng.choice([*COUNTRIES, None, 1, True])}},
        lambda: {"country": {rng.choice(["$in", "$nin", "$ini", "$nini"]): rng.sample(COUNTRIES, 3)}},
        lambda: {"country": {rng.choice(["$regex", "$notRegex", "$regexi"]): rng.choice(["^T", "[a-r]$", "^$", "本"])}},
        lambda: {"age": {rng.choice(["$gt", "$gte"]): rng.randrange(60), rng.choice(["$lt", "$lte"]): 70.5}},
        lambda: {"age": {rng.choice(["$lt", "$gt"]): rng.randrange(60)}},
        lambda: {"name": {rng.choice(["$lt", "$gte"]): rng.choice(["b", "ö", "語", "👗", "\uffee"])}},
        lambda: {"version": {rng.choice(["$vgt", "$vgte", "$vlt", "$vlte", "$veq", "$vne"]): rng.choice(["1.2.3", "2.0.0-rc.1", "v0.11.0"])}},
        lambda: {"device.os": rng.choice([*DEVICES, {"$in": ["ios", "web"]}])},
        lambda: {"device.screen.width": {"$gte": rng.randrange(300, 2000)}},
        lambda: {"premium": rng.choice([True, False, None, 0, 1, {"$exists": True}, {"$exists": False}])},
        lambda: {"premium": {rng.choice(["$in", "$nin"]): rng.sample([True, False, 0, 1, None], 2)}},
        lambda: {"premium": {"$type": rng.choice(["boolean", "number", "null"])}},
        lambda: {"tags": {rng.choice(["$in", "$nin", "$ini", "$all", "$alli"]): rng.sample(["a", "b", "C", 1, True], 2)}},
        lambda: {"tags": {"$size": rng.choice([0, 2, {"$gt": 1}])}},
        lambda: {"tags": {"$elemMatch": rng.choice([{"$eq": "a"}, {"$in": ["c", 1]}, {"$not": {"$type": "string"}}])}},
        lambda: {"tags.0": rng.choice(["a", 1, True]), "tags.length": {"$ne": 3}},
        lambda: {"orders": {"$elemMatch": {"total": {"$gt": rng.randrange(150)}, "city": rng.choice(["a", {"$ne": "b"}])}}},
        lambda: {"id": {rng.choice(["$inGroup", "$notInGroup"]): "vip"}},
        lambda: {"$savedGroup": rng.choice([{"id": "beta"}, {"id": "grown_up"}])},
        lambda: {"device": {"os": "ios", "screen": {"width": 400}}},
    ]  # fmt: skip
    condition: Json = {}
    for _ in range(rng.choice([1, 1, 2])):
        condition.update(rng.choice(leaves)())
    return condition


def _targeting(rng: random.Random, features: Mapping[str, Any]) -> Json:
    """Return who a rule is meant for."""
    rule: Json = {}
    if rng.random() < 0.6:
        rule["condition"] = random_condition(rng)
    if rng.random() < 0.25:
        rule["hashAttribute"] = rng.choice(["device_id", "id", "country"])
    if rng.random() < 0.3:
        rule["fallbackAttribute"] = rng.choice(["device_id", "country"])
    if rng.random() < 0.7:
        rule["hashVersion"] = rng.choice([1, 2, 2, 2])
    if rng.random() < 0.5:
        rule["seed"] = "".join(rng.choices(rng.choice(ALPHABETS[:4]), k=rng.randrange(1, 12)))
    if rng.random() < 0.3:
        start = rng.choice([0, 0.1, 0.3])
        ranges = [[start, start + 0.4], [0.8, 1.0]]
        rule["filters"] = [
            {"seed": rng.choice(["f1", "f2"]), "ranges": ranges, "attribute": rng.choice(["id", "device_id"])}
        ]
    if rng.random() < 0.3:
        rule["namespace"] = [rng.choice(["checkout", "ana sayfa"]), 0, rng.choice([0.5, 0.9])]
    if features and rng.random() < 0.3:
        parent = rng.choice(list(features))
        wanted = rng.choice([{"value": {"$exists": True}}, {"value": {"$ne": "b"}}, {"value": True}])
        rule["parentConditions"] = [{"id": parent, "condition": wanted, "gate": rng.random() < 0.4}]
    return rule  # fmt: skip


def _experiment(rng: random.Random, key: str) -> Json:
    count = rng.choice([2, 2, 3, 5])
    shares = [rng.randrange(1, 10) for _ in range(count)]
    rule: Json = {
        "key": key,
        "variations": rng.choice(_VALUES)[:count],
        "meta": [{"key": f"v{number}", "name": f"variation {number}"} for number in range(count)],
    }
    if rng.random() < 0.15:
        rule["meta"][-1]["passthrough"] = True
    if rng.random() < 0.4:
        edges = [sum(shares[:number]) / sum(shares) for number in range(count + 1)]
        rule["ranges"] = [[start, start + (end - start) * 0.9] for start, end in pairwise(edges)]
        return rule
    if rng.random() < 0.7:
        rule["weights"] = [share / sum(shares) for share in shares]
    if rng.random() < 0.7:
        rule["coverage"] = rng.choice([0, 0.1, 0.5, 0.9, 1, rng.random()])
    return rule


def random_features(rng: random.Random, count: int) -> Json:
    """Return a payload's features; each may have any of those before it as a prerequisite."""
    features: Json = {
        "$holdout:h": {
            "defaultValue": "genpop",
            "rules": [{"key": "h", "coverage": 0.2, "hashVersion": 2, "seed": "h",
                       "variations": ["holdoutcontrol", "holdouttreatment"], "weights": [0.5, 0.5],
                       "meta": [{"key": "0"}, {"key": "1"}]}],
        }
    }  # fmt: skip
    for number in range(count):
        rules = []
        if rng.random() < 0.3:
            holdout = {"id": "$holdout:h", "condition": {"value": "holdoutcontrol"}}
            rules.append({"id": "held-out", "force": "held out", "parentConditions": [holdout]})
        for place in range(rng.randrange(1, 4)):
            rule = _targeting(rng, features)
            if rng.random() < 0.7:
                rule |= _experiment(rng, rng.choice([f"exp-{number}-{place}", f"exp-{number}"]))
                if rng.random() < 0.3:
                    rule |= {"bucketVersion": 2, "minBucketVersion": rng.choice([0, 1, 2])}
                if rng.random() < 0.1:
                    rule["disableStickyBucketing"] = True
            else:
                rule["force"] = rng.choice([True, False, 0, "", "x", {"a": 1}])
                rule |= rng.choice([{}, {"coverage": rng.random()}, {"range": [0.2, 0.6]}])
            if rng.random() < 0.5:
                rule["id"] = f"rule-{place}"
            rules.append(rule)
        features[f"feature {number}"] = {
            "defaultValue": rng.choice([None, False, "default", 0]),
            "rules": rules,
        }
    return features


def random_documents(rng: random.Random, attributes: Json, features: Json) -> list[Json]:
    """Return sticky buckets that the visitor may have from earlier days."""
    keys = [rule["key"] for feature in features.values() for rule in feature["rules"] if "key" in rule]
    documents = []
    for name in ("id", "device_id", "country"):
        value = attributes.get(name)
        if isinstance(value, str) and value and rng.random() < 0.5:
            chosen = rng.sample(keys, min(3, len(keys)))
            held = {f"{key}__{rng.choice([0, 0, 1, 2])}": f"v{rng.randrange(4)}" for key in chosen}
            documents.append({"attributeName": name, "attributeValue": value, "assignments": held})
    return documents
