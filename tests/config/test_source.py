"""Where settings come from."""

from dragoman.config.source import Source, dotted, quoted


def test_a_path_is_written_as_toml_writes_it() -> None:
    assert dotted(("auth", "keys", 0)) == "auth.keys[0]"
    assert dotted(("routes", "gpt-4.1", "targets", 2)) == 'routes."gpt-4.1".targets[2]'
    assert dotted(("a", "", "b c")) == 'a.""."b c"'
    assert dotted(("ключ",)) == '"ключ"'


def test_a_text_is_quoted_on_one_line() -> None:
    assert quoted('a"\n\\\x7f') == '"a\\"\\n\\\\\\u007f"'


def test_an_error_points_to_the_nearest_line_around() -> None:
    source = Source("f.toml", {("a",): 1, ("a", "b"): 3})
    assert source.line(("a", "b")) == 3
    assert source.line(("a", "c")) == 1
    assert source.line(("a", "b", 0)) == 3
    assert source.line(("z",)) == 1


def test_settings_without_a_file_have_no_lines() -> None:
    error = Source().error(("routes", "x"), "this is wrong", "write that")
    assert error.line is None
    assert str(error) == "configuration: routes.x: this is wrong; write that"
