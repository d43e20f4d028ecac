"""A folder of radiographs whose files several processes share."""

from __future__ import annotations

from typing import Any

import torch.distributed as dist

from ..data import RadiographFolder


class SharedFolder(RadiographFolder):
    """The part of a :class:`common.data.RadiographFolder` that falls to this process.

    The processes take turns: of the files that are left to do, in their order, the first process has the first, the
    second process the second, and so on. The list is that of the first process, so that each file is done exactly once
    even when files come or go while the processes start. Arguments are those of
    :class:`common.data.RadiographFolder`; the process group has to be there.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        lists: list[Any] = [None] * dist.get_world_size()
        # Nobody goes on, and changes the results of an earlier run, before all have read what it had done.
        dist.all_gather_object(lists, self.data)
        self.data = lists[0][dist.get_rank() :: dist.get_world_size()]
