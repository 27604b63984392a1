from __future__ import annotations

from enforcer.core.actors import Actor, actor_id


def test_actor_of_a_person_knows_their_object_id_and_that_of_others_none() -> None:
    assert Actor(id=actor_id(object_id="ABC", is_app=False)).person_id == "abc"
    assert Actor(id=actor_id(object_id="abc", is_app=True)).person_id == ""
    assert Actor(id="timer").person_id == ""
