"""How unsure a prediction is."""

import math

from tasks.labels.values import Value, shapes


def uncertainty(value: Value, classes: int, *, multilabel: bool = False) -> dict[str, float | None]:
    """How unsure a prediction is: least_confidence, margin and entropy, each from 0 (sure) to 1.

    Of probabilities they are 1 - the highest, 1 - the distance between the two highest, and the entropy over the
    logarithm of the number of classes. Of classes that do not exclude each other, and of shapes with a score, which is
    the probability that something is there, they are those of two outcomes each, there or not, and the picture is as
    unsure as the least sure of them.

    Args:
        value: the prediction.
        classes: how many there are to tell apart.
        multilabel: whether several classes may be there at once.
    """
    shares = value.get("probabilities")
    if shares and not multilabel:
        return _of_shares(sorted(shares.values(), reverse=True), classes)
    scores = shares.values() if shares else [shape["score"] for shape in shapes(value) if "score" in shape]
    each = [_of_shares(sorted((score, 1 - score), reverse=True), 2) for score in scores]
    return {name: max((float(one[name] or 0) for one in each), default=None) for name in _UNSURE}


_UNSURE = ("least_confidence", "margin", "entropy")


def _of_shares(shares: list[float], classes: int) -> dict[str, float | None]:
    total = sum(shares)
    if not total:
        return dict.fromkeys(_UNSURE)
    several = max(classes, len(shares)) > 1
    second = shares[1] if len(shares) > 1 else 0.0
    spread = -sum(share / total * math.log(share / total) for share in shares if share > 0)
    return {
        "least_confidence": 1 - shares[0],
        "margin": 1 - (shares[0] - second) if several else None,
        "entropy": min(1.0, spread / math.log(max(classes, len(shares)))) if several else None,
    }
