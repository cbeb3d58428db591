from lam_core.words import BUCKETS, buckets_of, month_of, number_of, ordinal, tokens_of, words_of


def test_an_instruction_becomes_words_with_their_places():
    text = 'Enter "Keneth" now.'
    found = tokens_of(text)
    assert [token.word for token in found] == ["enter", '"', "keneth", '"', "now", "."]
    assert all(text[token.start : token.end].lower() == token.word for token in found)


def test_the_month_of_a_date_and_negative_numbers_are_understood():
    found = {token.word: token for token in tokens_of("Select 03/17/2016, then (-2,1) in May")}
    assert found["03"].month == 3
    assert found["17"].month is None
    assert found["17"].number == 17
    assert found["2"].number == -2
    assert found["1"].number == 1
    assert found["may"].month == 5


def test_ordinals_are_one_word():
    assert [token.word for token in tokens_of("the 3rd box")] == ["the", "3rd", "box"]
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 22)] == [
        "1st", "2nd", "3rd", "4th", "11th", "22nd",
    ]  # fmt: skip


def test_hostile_text_stays_within_bounds():
    assert len(tokens_of("word " * 10_000)) == 64
    assert tokens_of("9" * 400)[0].number is None
    assert number_of("1" * 400) is None
    assert words_of("\udcff x") == ("\udcff", "x")


def test_every_word_has_two_rows_of_its_own_and_none_is_row_zero():
    pairs = {buckets_of(f"word{number}") for number in range(2000)}
    assert len(pairs) == 2000
    assert all(0 < row < BUCKETS for pair in pairs for row in pair)


def test_months_and_numbers_of_texts():
    assert month_of("december") == month_of("dec") == 12
    assert number_of("Book flight for $1,736") == 1736
    assert number_of("3 of 4") is None
