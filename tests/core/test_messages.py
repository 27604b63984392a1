from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from enforcer.core.messages import GIVE_UP_AFTER, Channel, Level, Message, MessageState

NOW = datetime(2026, 12, 3, 0, 30, tzinfo=UTC)


def message() -> Message:
    return Message(
        channel=Channel.MAIL,
        id="1",
        recipient="sue@contoso.com",
        queued_at=NOW,
        give_up_at=NOW + timedelta(days=5),
        keep_until=NOW + timedelta(days=30),
    )


def test_a_new_message_is_due_at_once() -> None:
    assert message().is_due(NOW)


def test_each_attempt_waits_longer_but_never_beyond_the_next_night() -> None:
    attempt, pauses = message(), []
    for _ in range(30):
        attempt = attempt.begun(NOW)
        assert attempt.next_attempt_at is not None
        pauses.append(attempt.next_attempt_at - NOW)

    assert pauses[:3] == [timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=20)]
    assert pauses == sorted(pauses)
    assert pauses[-1] < timedelta(days=1)


def test_while_somebody_tries_it_is_nobody_elses_turn() -> None:
    begun = message().begun(NOW)

    assert not begun.is_due(NOW)
    assert begun.is_due(NOW + timedelta(minutes=5))


def test_what_was_sent_or_given_up_is_never_due_again() -> None:
    for done in (message().begun(NOW).sent(NOW), message().begun(NOW).given_up("too late")):
        assert not done.is_due(NOW + timedelta(days=100))
    assert message().sent(NOW).state is MessageState.SENT


def test_a_message_is_stale_from_when_it_is_of_no_use() -> None:
    first = message()
    assert not first.is_stale(first.give_up_at - timedelta(seconds=1))
    assert first.is_stale(first.give_up_at)
    assert timedelta(days=5) == GIVE_UP_AFTER


def test_no_pause_is_longer_than_half_a_day() -> None:
    tried = replace(message(), attempts=100).begun(NOW)
    assert (tried.next_attempt_at, tried.attempts) == (NOW + timedelta(hours=12), 101)


def test_what_became_of_a_message_is_noted() -> None:
    tried = message().begun(NOW).failed("503")
    sent, given_up = tried.sent(NOW), tried.given_up("too late")
    assert (tried.last_error, tried.attempts) == ("503", 1)
    assert (sent.state, sent.sent_at, sent.last_error) == (MessageState.SENT, NOW, "")
    assert (given_up.state, given_up.sent_at, given_up.last_error) == (
        MessageState.GIVEN_UP,
        None,
        "too late",
    )
    assert (sent.next_attempt_at, given_up.next_attempt_at) == (None, None)


def test_the_words_are_those_of_the_messages_that_are_there() -> None:
    assert [one.value for one in Channel] == ["mail", "operators"]
    assert [one.value for one in Level] == ["info", "success", "warning", "failure"]
    assert [one.value for one in MessageState] == ["waiting", "sent", "given_up"]
