"""The ledger's net as a graph: who is joined to whom, by which plane and family, and what cuts whom off.

This room knows the model and nothing else; ``rustworkx`` is imported when a graph is first needed.

    net = Net.of(catalogue)             # read once: vertices, edges, places, groups (100,000 links: ~1 s)
    view = net.view(plane="video")      # what carries; from the same arrays, nothing is read again
    view = net.view(family=6, cut={"link/x", "node/y", "duct/z"})   # as if these had failed
    view.reached()                      # vertices that a core node still reaches
    view.serves("site/town-hall")       # whether that place is reached
    view.unserved()                     # places that are not
    view.path("node/a", "site/b")       # the shortest way: ["node/a", "link/x", "node/c", ..., "site/b"]
    view.to_root("site/b")              # the same from the nearest core node; all of them cost one look
    view.disjoint("node/a", "node/b", 2)  # whether there are so many ways without a common edge
    cuts = net.cuts(plane="data")       # single points of failure, all at once
    cuts.points()                       # nodes (articulation points) and edges (bridges) that cut somebody
    cuts.of("region/boao")              # entries each of which alone cuts the place off
    cuts.groups_of("site/b")            # ducts and circuits whose common failure cuts the place off
    Crossings(catalogue, net).ways("intranet", "extranet")  # where two networks touch (``zones``)
    net.lost({"link/x"}, plane="data")  # places that are served now and would not be

Words. A *vertex* is ``node/NAME``. An *edge* is an entry that joins two nodes: ``link/NAME``. A *place* is
where people work: ``site/NAME``, ``region/NAME``, ``unit/NAME``, or ``exit/NAME``; it hangs on nodes (its
own, those its networks have as gateway, those its circuits end on) and nothing passes through it. A *root*
is a core node: who reaches none is cut off. A *group* is edges that fail together: ``duct/NAME`` (a
link's ``path``), ``circuit/NAME``, ``carrier/NAME``.
"""

from .net import DATA, V4, V6, VIDEO, Edge, Hanging, Net, Place
from .views import View

__all__ = ["DATA", "V4", "V6", "VIDEO", "Edge", "Hanging", "Net", "Place", "View"]
