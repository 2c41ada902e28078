"""Words that carry grammar rather than meaning; augmentation leaves them as they are.

The closed classes of English, and what Google's tokenisation leaves of contractions ("don't" is don ' t).
"""

from __future__ import annotations

from pathlib import Path

from tinybert.stages.stage import StageError
from tinybert.text.lines import read_lines, require_file

_CLASSES = {
    "articles and other determiners": (
        "a an the this that these those some any each every either neither no both few many much more most "
        "all such another other own same several enough"
    ),
    "pronouns": (
        "i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself "
        "she her hers herself it its itself they them their theirs themselves who whom whose which what"
    ),
    "auxiliary verbs": (
        "am is are was were be been being have has had having do does did doing "
        "can could may might must shall should will would cannot"
    ),
    "prepositions": (
        "about above across after against along among around at before behind below beneath beside between "
        "beyond by despite down during except for from in inside into near of off on onto out outside over "
        "per since through throughout to toward towards under underneath until up upon via with within "
        "without"
    ),
    "conjunctions": "and but or nor so yet if because as than while although though unless whereas whether",
    "adverbs": "not here there now then when where why how again once only just very too",
    "rests of contractions": (
        "s t d m o ll re ve y ma ain aren couldn didn doesn don hadn hasn haven isn mightn mustn needn shan "
        "shouldn wasn weren won wouldn"
    ),
}
ENGLISH = frozenset(word for words in _CLASSES.values() for word in words.split())


def load_stop_words(path: Path | None) -> frozenset[str]:
    """Lower-cased words of a file, one a line, or those of English. Raises StageError with file and line."""
    if path is None:
        return ENGLISH
    require_file(path, "list of stop words")
    words = set()
    for number, line in enumerate(read_lines(path), 1):
        if len(line.split()) > 1:
            raise StageError(f"{path}:{number}: {line.strip()!r} is more than one word; write one a line")
        words.update(line.lower().split())
    return frozenset(words)
