from tests.house.promises import PAGE, page


def test_the_page_of_promises_is_made_of_the_tests() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `just reference`"
