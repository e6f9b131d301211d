"""Every feature, in the order of reports."""

from dragoman.conformance import (
    features_answers,
    features_failures,
    features_gateway,
    features_history,
    features_media,
    features_parameters,
    features_reasoning,
    features_text,
    features_tools,
)

FEATURES = (
    *features_text.FEATURES,
    *features_media.FEATURES,
    *features_tools.FEATURES,
    *features_history.FEATURES,
    *features_parameters.FEATURES,
    *features_reasoning.FEATURES,
    *features_answers.FEATURES,
    *features_failures.FEATURES,
    *features_gateway.FEATURES,
)
