"""How a rule says no: the vendor's own answer, raised."""

from dragoman.testing.exchange import Answer


class RefusedError(Exception):
    """The request breaks a rule of its vendor; `answer` is what the vendor sends back."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status} {answer.body.decode('utf-8', 'replace')}")
        self.answer = answer


class Access:
    """Who may ask for what: the keys and the model names that a fake vendor knows; None is any."""

    def __init__(self, keys: frozenset[str] | None = None, models: frozenset[str] | None = None) -> None:
        self._keys = keys
        self._models = models

    @property
    def open(self) -> bool:
        """Whether no key is needed at all."""
        return self._keys is None

    def knows_key(self, key: str) -> bool:
        """Whether the key opens this vendor."""
        return self._keys is None or key in self._keys

    def knows_model(self, model: str) -> bool:
        """Whether the model is served here."""
        return self._models is None or model in self._models
