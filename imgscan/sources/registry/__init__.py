"""Registries over the distribution API, without an engine. Nothing here loads requests before the first request.

reference        what `host/repository:tag@digest` means, short names of Docker Hub included
access           how registries are reached: what the user said, and what this machine is set up with
credentials      the logins of docker and podman on this machine
challenges       what a registry wants of us, and the tokens it was given
failures         what can go wrong, and how an answer tells it
transport        one registry's HTTP: TLS, retries, redirects. The one place that knows requests
blob_stream      a blob while it downloads, resumed where it breaks off
client           the API: repositories, tags, manifests, blobs, referrers
blobs            opens a RegistryBlob in any process
entries          a registry's image as the files of a layout, fetched when they are asked for
attached         what was attached to an image later: attestations, SBOMs
source           the source `registry:REFERENCE`
"""
