"""A client of vf-operator's gRPC API: client.py ADDRESS FILE. Whatever is not as expected ends it.
FILE is the source that what is posted becomes."""

import json
import pathlib
import sys
import tempfile

import grpc
import grpc_tools
from google.protobuf import descriptor_pb2, empty_pb2
from grpc_tools import protoc

here = pathlib.Path(__file__).parent
well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
with tempfile.TemporaryDirectory() as out:
    for proto in ("client.proto", "reflection.proto"):
        arguments = ["protoc", f"-I{here}", f"-I{well_known}", f"--python_out={out}", f"--grpc_python_out={out}", proto]
        assert protoc.main(arguments) == 0, proto
    sys.path.insert(0, out)
    import client_pb2
    import client_pb2_grpc
    import reflection_pb2
    import reflection_pb2_grpc


def refused(code, call, request):
    try:
        call(request)
    except grpc.RpcError as error:
        assert error.code() == code, (error.code(), error.details())
        return error.details()
    raise AssertionError(f"{request} was not refused")


channel = grpc.insecure_channel(sys.argv[1])
resources = client_pb2_grpc.ResourceServiceStub(channel)
attachments = client_pb2_grpc.NetworkAttachmentServiceStub(channel)
nothing = empty_pb2.Empty()
selector = client_pb2.NicSelector(drivers=["igb"], pfNames=["eth3"])
config = client_pb2.ResourceConfig(
    name="eth3-vfs", mtu=1500, numVfs=4, needVhostNet=True, nicSelector=selector, deviceType="netdevice"
)
name = client_pb2.ResourceName(name="eth3-vfs")

# What the server says of itself.
reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
ask = reflection_pb2.ServerReflectionRequest
listed, described = reflection.ServerReflectionInfo(
    iter([ask(list_services=""), ask(file_containing_symbol="networkservice.ResourceService")])
)
services = {service.name for service in listed.list_services_response.service}
assert {"networkservice.ResourceService", "networkservice.NetworkAttachmentService"} <= services, services
files = [descriptor_pb2.FileDescriptorProto.FromString(it) for it in described.file_descriptor_response.file_descriptor_proto]
ours = next(file for file in files if file.package == "networkservice")
theirs = descriptor_pb2.FileDescriptorProto()
client_pb2.DESCRIPTOR.CopyToProto(theirs)


def shape(file):
    messages = {m.name: sorted((f.number, f.name, f.type, f.label, f.type_name) for f in m.field) for m in file.message_type}
    methods = {s.name: sorted((m.name, m.input_type, m.output_type) for m in s.method) for s in file.service}
    return messages, methods


assert shape(ours) == shape(theirs), (shape(ours), shape(theirs))

# A resource from its beginning to its end.
assert len(resources.GetAllResourceConfigs(nothing).resourceConfigs) == 0
made = resources.CreateResourceConfig(config)
assert (made.spec.name, made.spec.numVfs, made.spec.needVhostNet) == ("eth3-vfs", 4, True), made
assert list(made.spec.devices) == ["0000:02:00.0"] and made.status[0].name == "eth3", made
assert made.status[0].numVfs == 4 and len(made.status[0].vfs) == 4, made
assert all(vf.driver == "igbvf" and vf.device for vf in made.status[0].vfs), made
assert resources.GetResourceConfig(name) == config
assert list(resources.GetAllResourceConfigs(nothing).resourceConfigs) == [config]
assert resources.GetResource(name) == made and list(resources.GetAllResources(nothing).resources) == [made]
said = refused(grpc.StatusCode.ALREADY_EXISTS, resources.CreateResourceConfig, config)
assert said == "resource id=eth3-vfs already exists", said

# Attachments, one for each VF and no more.
for number in range(4):
    attachment = client_pb2.NetworkAttachment(name=f"net{number}", resourceName="eth3-vfs")
    plugin = {"type": "sriov", "trust": "on", "vlan": 5, "ratio": 0.5, "none": None, "list": [1, True]}
    attachment.config.update({"cniVersion": "1.0.0", "plugins": [plugin]})
    assert attachments.CreateNetworkAttachment(attachment) == nothing
attachment.name = "net4"
refused(grpc.StatusCode.RESOURCE_EXHAUSTED, attachments.CreateNetworkAttachment, attachment)
given = attachments.GetAllNetworkAttachments(nothing).networkattachments
devices = {it.config["plugins"][0]["deviceID"] for it in given}
assert len(given) == 4 and devices == {vf.device for vf in made.status[0].vfs}, given
one = client_pb2.NetworkAttachmentName(name="net0")
assert attachments.GetNetworkAttachment(one).config["plugins"][0]["trust"] == "on"
# All numbers come as doubles, and whole ones are written whole.
(written,) = (it for it in json.loads(pathlib.Path(sys.argv[2]).read_text())["network"] if it["name"] == "net0")
(first,) = json.loads(written["config"])["plugins"]
assert first == plugin and [type(first[key]) for key in ("vlan", "ratio")] == [int, float], written
assert type(first["list"][0]) is int, written
for it in given:
    attachments.DeleteNetworkAttachment(client_pb2.NetworkAttachmentName(name=it.name))
refused(grpc.StatusCode.NOT_FOUND, attachments.GetNetworkAttachment, one)
refused(grpc.StatusCode.NOT_FOUND, attachments.DeleteNetworkAttachment, one)

# What makes no sense.
attachment.config.update({"plugins": [{"type": "sriov", "rate": float("inf")}]})
said = refused(grpc.StatusCode.INVALID_ARGUMENT, attachments.CreateNetworkAttachment, attachment)
assert said == "config.plugins[0].rate: inf is no number in JSON", said
refused(grpc.StatusCode.INVALID_ARGUMENT, resources.CreateResourceConfig, client_pb2.ResourceConfig(name="../x", numVfs=1))
huge = client_pb2.ResourceConfig(name="x" * (1 << 20))
refused(grpc.StatusCode.OUT_OF_RANGE, resources.CreateResourceConfig, huge)

assert resources.DeleteResourceConfig(name) == nothing
refused(grpc.StatusCode.NOT_FOUND, resources.DeleteResourceConfig, name)
refused(grpc.StatusCode.NOT_FOUND, resources.GetResource, name)
print("all as expected")
