"""Objects put together from the branches of `anyOf`, `oneOf` and `allOf`."""

from dragoman.dialects.json_schema.notes import Notes
from dragoman.dialects.json_schema.tree import Node, Schema, resolved, strings, types_of, united
from dragoman.dialects.json_tree import elements, members

COMBINED = ("anyOf", "oneOf", "allOf")
_MAX_STEPS = 2_000


class TooLargeError(ValueError):
    """A schema whose references lead on without end, or double it at every step."""


class Merging:
    """Follows references and `allOf` of one document, up to a limit."""

    def __init__(self, root: Node) -> None:
        """Take the document that references lead into."""
        self._root = root
        self._left = _MAX_STEPS

    def resolved(self, node: Node) -> Node:
        """What a reference within the document stands for, with what is said beside it.

        Raises `TooLargeError`; a reference that leads nowhere or back to itself stays.
        """
        seen: list[object] = []
        while "$ref" in node.fields:
            self._step()
            reference = node.fields["$ref"]
            target = resolved(self._root, reference)
            if target is None or reference in seen:
                return node
            seen.append(reference)
            node = united([target, node.without("$ref")], node.path)
        return node

    def flat(self, node: Node) -> Node:
        """The schema without a reference and without `allOf` at its top. Raises `TooLargeError`."""
        node = self.resolved(node)
        while "allOf" in node.fields:
            parts = [self.flat(part) for part in branches(node, "allOf")]
            node = self.resolved(united([*parts, node.without("allOf")], node.path))
        return node

    def object(self, root: Node, notes: Notes) -> Node:
        """An object that every object of the root is valid for, without combinations at its top.

        The branches' members stand side by side. What all branches of `anyOf` and `oneOf` require stays
        required; a member that they describe differently may be as any of them says.
        """
        node = self.flat(root)
        for name in ("anyOf", "oneOf"):
            if name not in node.fields:
                continue
            found = [self.object(part, notes) for part in branches(node, name)]
            notes.note(node.at(name), "the members of all branches may be given together")
            node = _side_by_side(node.without(name), found)
        return node

    def _step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise TooLargeError("the schema is too large")


def branches(node: Node, name: str) -> list[Node]:
    """The schemas of a combination, those that are objects."""
    parts = enumerate(elements(node.fields.get(name)) or ())
    return [
        Node(fields, node.at(name, place)) for place, part in parts if (fields := members(part)) is not None
    ]


def _side_by_side(base: Node, found: list[Node]) -> Node:
    objects = [one for one in found if types_of(one.fields) in ([], ["object"])]
    if not objects:
        return base
    properties = dict(members(base.fields.get("properties")) or {})
    elsewhere = dict(base.elsewhere)
    for one in objects:
        for name, schema in (members(one.fields.get("properties")) or {}).items():
            if name not in properties:
                properties[name] = schema
                elsewhere[f"properties/{name}"] = one.at("properties", name)
            elif properties[name] != schema:
                properties[name] = _either(properties[name], schema)
    required = strings(base.fields.get("required"))
    for name in strings(objects[0].fields.get("required")):
        if all(name in strings(one.fields.get("required")) for one in objects) and name not in required:
            required.append(name)
    fields: Schema = dict(base.fields)
    if properties:
        fields["properties"] = properties
    if required:
        fields["required"] = required
    if "description" not in fields:
        described = [one.fields["description"] for one in objects if "description" in one.fields]
        if described:
            fields["description"] = described[0]
    # what one branch leaves open is open in the whole
    if "additionalProperties" not in fields and all(
        one.fields.get("additionalProperties") is False for one in objects
    ):
        fields["additionalProperties"] = False
    return Node(fields, base.path, elsewhere)


def _either(one: object, other: object) -> Schema:
    listed = elements((members(one) or {}).get("anyOf")) if (members(one) or {}).keys() == {"anyOf"} else None
    return {"anyOf": [*(listed or [one]), other]}
