from lam_core.graphics import colour_words, described
from lam_core.nodes import MAX_NODES, read_page
from lam_core.observation import Observation
from tests.lam_core.demonstrations import button, element, page


def observed(*elements) -> Observation:
    return Observation.model_validate(page(*elements), strict=False)


def test_a_label_belongs_to_its_box_and_text_to_what_is_around_it():
    shown = observed(
        element("label", box=[0, 0, 80, 20]),
        element("input", 1, type="checkbox", role="checkbox"),
        element("#text", 1, text="Tea"),
        element("p", box=[0, 40, 80, 20]),
        element("#text", 4, text="Read"),
        element("a", 4, text="this"),
    )
    read = read_page(shown)
    assert [(node.element.tag, node.text) for node in read.nodes] == [
        ("input", "Tea"),
        ("p", "Read"),
        ("a", "this"),
    ]
    assert read.positions[1] == read.positions[2] == 0, "pressing the label presses the box"
    assert read.positions[5] == 1


def test_containers_that_say_nothing_are_left_out_but_lead_to_what_they_hold():
    shown = observed(
        element("div", box=[0, 0, 160, 60]),
        element("span", 1, classes=["star"], box=[0, 0, 20, 20]),
        element("span", 1, classes=["trash"], box=[40, 0, 20, 20]),
    )
    read = read_page(shown)
    assert [node.index for node in read.nodes] == [2, 3]
    assert read.node_at(1, (50, 10)) == 1


def test_a_canvas_is_nothing_to_press_unless_it_says_what_it_is():
    shown = observed(element("canvas"), element("canvas", name="Map"), button("OK", 90))
    assert [node.index for node in read_page(shown).nodes] == [2, 3]


def test_of_a_large_page_what_shares_words_with_the_instruction_is_kept():
    many = [element("p", text=f"filler {number}") for number in range(MAX_NODES * 3)]
    shown = observed(*many, button("Checkout", 900))
    read = read_page(shown, frozenset({"checkout"}))
    assert len(read.nodes) == MAX_NODES
    assert any(node.text == "Checkout" for node in read.nodes)


def test_fields_are_counted_and_grids_have_rows_and_columns():
    fields = [element("input", type="text", box=[0, 30 * n, 80, 20]) for n in range(3)]
    cells = [element("td", box=[30 * (n % 3), 100 + 30 * (n // 3), 30, 30]) for n in range(9)]
    read = read_page(observed(*fields, *cells))
    assert [sorted(node.derived) for node in read.nodes[:3]] == [["1st"], ["2nd"], ["3rd"]]
    assert {"x:1", "y:2"} <= set(read.nodes[3 + 7].attributes)


def test_colours_have_names_and_shades_have_their_hue():
    assert "red" in colour_words("#ff0000")
    assert "aqua" in colour_words("#00ffff")
    assert "blue" in colour_words("#6e6ecf")
    assert "green" in colour_words("#c3eac3")


def test_drawings_are_found_by_colour_size_and_kind():
    shown = observed(
        element("svg", box=[0, 50, 160, 160]),
        element("circle", 1, box=[0, 50, 20, 20], fill="#ff0000"),
        element("circle", 1, box=[30, 50, 10, 10], fill="#ff0000"),
        element("rect", 1, box=[60, 50, 20, 20], fill="#0000ff"),
        element("text", 1, text="q", box=[90, 50, 8, 22], fill="#ff0000"),
    )
    nodes = read_page(shown).nodes
    derived, texts = [node.derived for node in nodes], [node.text for node in nodes]

    def ask(instruction: str) -> list[int]:
        words = instruction.lower().rstrip("?").split(" ")
        return described(instruction, words, derived, texts)

    assert ask("Click on a large red circle") == [0]
    assert ask("How many circles are there?") == [0, 1]
    assert ask("How many large qs are there?") == [3]
    assert ask("Click on a blue item") == [2]
    assert ask("Press the button") == []
