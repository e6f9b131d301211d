"""Every feature, in the order of reports."""

from dragoman.conformance import (
    features_access,
    features_answers,
    features_failures,
    features_gateway,
    features_history,
    features_limits,
    features_media,
    features_parameters,
    features_quirks,
    features_reasoning,
    features_signatures,
    features_text,
    features_tools,
)

FEATURES = (
    *features_text.FEATURES,
    *features_media.FEATURES,
    *features_tools.FEATURES,
    *features_history.FEATURES,
    *features_parameters.FEATURES,
    *features_limits.FEATURES,
    *features_reasoning.FEATURES,
    *features_signatures.FEATURES,
    *features_answers.FEATURES,
    *features_quirks.FEATURES,
    *features_failures.FEATURES,
    *features_gateway.FEATURES,
    *features_access.FEATURES,
)
