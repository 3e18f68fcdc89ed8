"""Which topics the page needs."""

from tape.kafka.specs import TopicSpec, pipeline_topics
from tape.settings.page import PageSettings


def topics_of(settings: PageSettings) -> list[TopicSpec]:
    """Return the topics that the page needs: those that it reads, and that of decisions."""
    names = (settings.output, settings.episodes, settings.bars_topic, settings.reviews)
    specs = pipeline_topics(*settings.topics(), bars=settings.bars_topic, reviews=settings.reviews)
    return [spec for spec in specs if spec.name in names]
