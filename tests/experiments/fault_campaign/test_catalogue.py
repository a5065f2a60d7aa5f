"""One list of faults for the model and the campaign, and each injected at the place that it names."""

import inspect
import re
from importlib import import_module

import pytest

from experiments.fault_campaign.catalogue import FAULTS, WAYS, ways
from experiments.fault_campaign.injection import INJECT, PLACES
from experiments.fault_campaign.kinds import Fault, Phase
from tests.protocol.parts import FAULTS as MODEL


def test_the_models_faults_are_those_of_the_list() -> None:
    assert {fault.name: fault.what for fault in FAULTS if fault.model} == MODEL
    assert len(MODEL) == 17


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.model], ids=lambda fault: fault.name)
def test_the_model_injects_it_where_the_list_says(fault: Fault) -> None:
    assert re.search(rf'"{fault.name}"', inspect.getsource(import_module(f"tests.protocol.{fault.model}")))


def test_each_way_is_injected_where_the_list_says_and_nothing_else_is() -> None:
    assert INJECT.keys() == WAYS.keys()
    assert {way.name: way.name in PLACES[way.place] for way in ways()} == dict.fromkeys(WAYS, True)
    assert sum(map(len, PLACES.values())) == len(WAYS), "two rooms inject one way"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_what_is_left_out_says_why(fault: Fault) -> None:
    assert bool(fault.model) != bool(fault.not_modelled)
    assert bool(fault.ways) != bool(fault.not_injected)


def test_ways_are_named_once_and_last_as_long_as_their_deadline_allows() -> None:
    assert len(list(ways())) == len(WAYS)
    for way in ways():
        assert 0 <= way.seconds[0] <= way.seconds[1] < way.deadline
        assert way.phases
        assert set(way.phases) <= set(Phase)
