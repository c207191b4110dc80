"""The plan of a cycle of the job factory: how many jobs for which stage, where, and what keeps it from more."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from engine import factory_needs, factory_sentences
from engine.factory_needs import Rates, Spare
from engine.settings import Factory
from justin.states import FactoryLimit
from models.demand import Place, StageDemand
from models.watching import UseOfJobs

Room = tuple[FactoryLimit, int]
"""How many more jobs something lets a stage have; may be negative."""


@dataclass(frozen=True, slots=True)
class StagePlan:
    """What a stage gets in a cycle."""

    stage: StageDemand
    rates: Rates
    wanted: int
    """More than there are, before anything limits them."""
    submit: int
    limited_by: FactoryLimit
    sentence: str
    places: tuple[Place, ...]
    """Where they may run."""
    spare: Spare

    @property
    def sites(self) -> list[str]:
        """Return the sites where the jobs may run."""
        return [place.site for place in self.places]

    @property
    def entries(self) -> list[str]:
        """Return the entries through which they may come there; any at sites of which no entry is known."""
        return sorted({entry for place in self.places for entry in place.entries or ()})

    @property
    def open_sites(self) -> list[str]:
        """Return the sites of which no entry is known."""
        return [place.site for place in self.places if place.entries is None]

    @property
    def use(self) -> UseOfJobs:
        """Say what the stage's queued jobs are good for."""
        return UseOfJobs(self.stage.stage_id, self.rates.files_per_job, self.rates.success_rate, self.spare.lent)


@dataclass(slots=True)
class _Book:
    """What is queued, while a plan adds to it."""

    sites: Counter[str]
    entries: Counter[str]
    quotas: Counter[int]
    in_pool: int
    is_stuck: bool
    """Whether the whole pool starts nothing."""
    in_cycle: int = 0

    @classmethod
    def of(cls, demands: Sequence[StageDemand], limits: Factory) -> "_Book":
        book = cls(
            sites=Counter(),
            entries=Counter(),
            quotas=Counter({stage.quota_id: stage.quota_jobs for stage in demands}),
            in_pool=max((stage.all_queued_jobs for stage in demands), default=0),
            is_stuck=_is_stuck(demands, limits),
        )
        for stage in demands:
            book._count(stage.queued_sites, stage.queued_entries, stage.queued_jobs)
        return book

    def add(self, plan: StagePlan) -> None:
        self._count(plan.sites, plan.entries, plan.submit)
        self.quotas[plan.stage.quota_id] += plan.submit
        self.in_pool += plan.submit
        self.in_cycle += plan.submit

    def _count(self, sites: Sequence[str], entries: Sequence[str], jobs: int) -> None:
        self.sites.update(dict.fromkeys(sites, jobs))
        self.entries.update(dict.fromkeys(entries, jobs))


@dataclass(slots=True)
class _Planner:
    limits: Factory
    why_to_wait: str
    book: _Book
    spares: Sequence[Spare] = field(default=())

    def plan(self, stage: StageDemand, places: Sequence[Place], spare: Spare) -> StagePlan:
        rates = factory_needs.rates(stage, self.limits)
        wanted = factory_needs.useful_jobs(stage, rates) - stage.queued_jobs
        wanted -= factory_needs.borrow(self.spares, stage, [place.site for place in places], max(0, wanted))
        places = self._where_jobs_start(stage, places)
        limited_by, submit = self._least(stage, places, wanted)
        sentence = factory_sentences.sentence(limited_by, stage, self.limits, self.why_to_wait)
        chosen = self._with_room(places, submit)
        made = StagePlan(stage, rates, max(0, wanted), submit, limited_by, sentence, chosen, spare)
        self.book.add(made)
        return made

    def _least(self, stage: StageDemand, places: Sequence[Place], wanted: int) -> Room:
        if wanted <= 0:
            out_of_reach = stage.files_wait and not stage.waiting_files
            return FactoryLimit.NO_PLACE if out_of_reach else FactoryLimit.NOTHING_WANTED, 0
        # Of equal ones the first counts.
        least, room = min(self._rooms(stage, places), key=lambda each: each[1])
        return (least, max(0, room)) if room < wanted else (FactoryLimit.AS_WANTED, wanted)

    def _rooms(self, stage: StageDemand, places: Sequence[Place]) -> Iterator[Room]:
        limits, book = self.limits, self.book
        under_way = stage.queued_jobs + stage.running_jobs
        if self.why_to_wait:
            yield FactoryLimit.RUCIO_SLOW, 0
        if _starts_none(stage, limits):
            yield FactoryLimit.NOT_STARTING, limits.first_wave if places else 0
        elif not places:
            yield FactoryLimit.NO_PLACE, 0
        if book.is_stuck:
            yield FactoryLimit.POOL_NOT_STARTING, limits.first_wave - stage.queued_jobs
        if not stage.good_jobs:
            yield FactoryLimit.FIRST_WAVE, limits.first_wave - under_way
        if stage.max_jobs is not None:
            yield FactoryLimit.STAGE_CAP, stage.max_jobs - under_way
        yield FactoryLimit.QUOTA, stage.quota_max_jobs - book.quotas[stage.quota_id]
        yield FactoryLimit.IDLE_CAP, limits.max_idle_per_stage - stage.queued_jobs
        if places:
            yield max((self._room_at(place) for place in places), key=lambda room: room[1])
        yield FactoryLimit.POOL_CAP, limits.max_idle - book.in_pool
        yield FactoryLimit.CYCLE_CAP, limits.max_submit_per_cycle - book.in_cycle

    def _room_at(self, place: Place) -> Room:
        """Say for how many more queued jobs there is room at a site, through the entry with most room."""
        at_site = self.limits.max_idle_per_site - self.book.sites[place.site]
        by_entry = max((self._room_by(entry) for entry in place.entries or ()), default=at_site)
        return (FactoryLimit.SITE_CAP, at_site) if at_site <= by_entry else (FactoryLimit.ENTRY_CAP, by_entry)

    def _room_by(self, entry: str) -> int:
        return self.limits.max_idle_per_entry - self.book.entries[entry]

    def _with_room(self, places: Sequence[Place], jobs: int) -> tuple[Place, ...]:
        """Leave out the sites and entries that have no room for so many jobs, for each may go to any of the others."""
        return tuple(
            place
            if place.entries is None
            else replace(place, entries=tuple(entry for entry in place.entries if self._room_by(entry) >= jobs))
            for place in places
            if not jobs or self._room_at(place)[1] >= jobs
        )

    def _where_jobs_start(self, stage: StageDemand, places: Sequence[Place]) -> Sequence[Place]:
        """Leave out the sites where the stage's queued jobs could have started, but none has for long."""
        if not _starts_none(stage, self.limits):
            return places
        known = set(stage.queued_sites)
        return [place for place in places if known and place.site not in known]


def plan(
    demands: Sequence[StageDemand], places: Mapping[int, Sequence[Place]], limits: Factory, why_to_wait: str = ""
) -> list[StagePlan]:
    """Say how many jobs each stage gets, those that come first having the first choice.

    `why_to_wait` is a reason to submit none at all, in a sentence.
    """
    spares = {stage.stage_id: _spare(stage, limits) for stage in demands}
    planner = _Planner(limits, why_to_wait, _Book.of(demands, limits), list(spares.values()))
    return [planner.plan(stage, places.get(stage.stage_id, ()), spares[stage.stage_id]) for stage in demands]


def lacks_jobs(stage: StageDemand, limits: Factory) -> bool:
    """Say whether the stage can use more jobs than are queued for it."""
    return factory_needs.useful_jobs(stage, factory_needs.rates(stage, limits)) > stage.queued_jobs


def _spare(stage: StageDemand, limits: Factory) -> Spare:
    return Spare.of(stage, factory_needs.useful_jobs(stage, factory_needs.rates(stage, limits)))


def _starts_none(stage: StageDemand, limits: Factory) -> bool:
    """Say whether jobs of the stage are queued for long and none has started meanwhile."""
    return _is_stuck([stage], limits)


def _is_stuck(demands: Sequence[StageDemand], limits: Factory) -> bool:
    """Say whether jobs are queued for long, and none has started meanwhile that was meant for one of the stages."""
    oldest = max((stage.oldest_queued_seconds or 0.0 for stage in demands), default=0.0)
    starts = [stage.last_start_seconds for stage in demands if stage.last_start_seconds is not None]
    return min([oldest, *starts]) >= limits.not_starting_seconds
