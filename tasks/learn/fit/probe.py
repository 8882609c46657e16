"""A linear layer on the stored vectors: seconds, and hard to beat while labels are few."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.labels.probe import STRENGTHS, probe_and_unseen
from tasks.learn.fit.examples import Examples
from tasks.learn.fit.fitted import Trained
from tasks.learn.models.shares import as_values, shares_of
from tasks.learn.models.vectors import read_vectors
from tasks.store.errors import UsageError
from tasks.store.root import Root

FOLDS = 5

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Line:
    """A linear layer: weights (k, d), bias (k,), and logits (n, k) of its rows by one that had not seen their group."""

    weights: Floats
    bias: Floats
    unseen: NDArray[np.floating[Any]] | None


def fit_line(vectors: Floats, examples: Examples, rows: NDArray[np.int64], *, balanced: bool) -> Line:
    """Fit on some rows; how strong the penalty is comes from folds among them that keep groups together.

    Args:
        vectors: (n, d), unit rows, of all examples.
        examples: n of them.
        rows: those to fit on.
        balanced: classes weigh as much as each other; of samples with several classes they never do.
    """
    groups = [examples.groups[row] for row in rows]
    kinds = examples.there.shape[1]
    if examples.snapshot.label_type == "multilabel":
        return _one_against_rest(vectors[rows], examples.there[rows], groups)
    probe, unseen = probe_and_unseen(vectors[rows], examples.codes[rows], kinds, groups, balanced=balanced)
    return Line(probe.weights.astype(np.float32), probe.bias.astype(np.float32), unseen)


def fit_probe_model(examples: Examples, root: Root, embedding: str, *, balanced: bool) -> Trained:
    """Fit on train and validation, and predict every sample of the snapshot.

    What is predicted of these two sides comes from folds that had not seen the sample or its group, so that it says how
    good and how sure the probe is. Where labels are too few for that, the validation side is left out of the fit.

    Args:
        examples: of the snapshot.
        root: where the vectors are.
        embedding: name of the model whose vectors they are.
        balanced: classes weigh as much as each other.

    Raises:
        UsageError: none of the samples to train on has a vector.
    """
    examples, vectors = _with_vectors(root, examples, embedding)
    rows = examples.rows("train", "validation")
    line = fit_line(vectors, examples, rows, balanced=balanced)
    notes = []
    if line.unseen is None:
        notes.append("Too few labels of some class to choose settings by: the probe has the usual ones.")
        rows = examples.rows("train")
        line = fit_line(vectors, examples, rows, balanced=balanced)
    logits = vectors @ line.weights.T + line.bias
    if line.unseen is not None:
        logits[rows] = line.unseen
    label_type = examples.snapshot.label_type
    values = as_values(examples.snapshot.classes, shares_of(logits, label_type))
    tensors = {"weights": line.weights, "bias": line.bias}
    return Trained(
        tensors, {"embedding": embedding}, dict(zip(examples.ids, values, strict=True)), len(rows), notes=notes
    )


def _with_vectors(root: Root, examples: Examples, embedding: str) -> tuple[Examples, Floats]:
    """Those with a vector, and their vectors; a sample without one, a duplicate say, is none of the probe's."""
    ids, vectors = read_vectors(root, embedding, examples.ids)
    place = {sample_id: row for row, sample_id in enumerate(examples.ids)}
    rows = [place[sample_id] for sample_id in ids]
    some = replace(
        examples,
        ids=ids,
        sides=examples.sides[rows],
        groups=[examples.groups[row] for row in rows],
        values=[examples.values[row] for row in rows],
        there=examples.there[rows],
    )
    if not len(some.rows("train")):
        raise UsageError(
            f"No sample to train on of snapshot {examples.snapshot.name} has a vector of {embedding}: run `winnow "
            "curate` to the end first."
        )
    return some, vectors


def _one_against_rest(vectors: Floats, there: Floats, groups: list[str]) -> Line:
    """A logistic regression for each class; one strength for all, by the loss in folds."""
    from sklearn.model_selection import GroupKFold
    from threadpoolctl import threadpool_limits

    folds = min(FOLDS, len(set(groups)))
    with threadpool_limits(1):
        if folds < 2:
            return Line(*_fitted(vectors, there, STRENGTHS[1]), None)
        parts = list(GroupKFold(folds, shuffle=True, random_state=0).split(vectors, groups=groups))
        found = []
        for strength in STRENGTHS:
            logits = np.zeros(there.shape)
            for seen, held in parts:
                weights, bias = _fitted(vectors[seen], there[seen], strength)
                logits[held] = vectors[held] @ weights.T + bias
            loss = float(np.mean(np.logaddexp(0, logits) - there * logits))
            found.append((loss, strength, logits))
        _, strength, unseen = min(found, key=lambda one: one[0])
        return Line(*_fitted(vectors, there, strength), unseen)


def _fitted(vectors: Floats, there: Floats, strength: float) -> tuple[Floats, Floats]:
    """Weights (k, d) and bias (k,); a class that all or none show is predicted by how often that is."""
    from sklearn.linear_model import LogisticRegression

    weights = np.zeros((there.shape[1], vectors.shape[1]), np.float32)
    bias = np.zeros(there.shape[1], np.float32)
    for kind in range(there.shape[1]):
        count = there[:, kind].sum()
        if count in (0, len(there)):
            bias[kind] = np.log((count + 0.5) / (len(there) - count + 0.5))
            continue
        model = LogisticRegression(C=strength, max_iter=1000).fit(vectors, there[:, kind])
        weights[kind], bias[kind] = model.coef_[0], model.intercept_[0]
    return weights, bias
