// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/apiversions"
	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/v1/drivers"
	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/v1/nodes"
	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/v1/ports"
)

// checkOperator takes a host through its life in the steps of baremetal-operator, at each version the operator may choose.
func checkOperator(c *checker, endpoint string) {
	probe := open(c, endpoint, "")
	url := probe.ServiceURL()
	var document struct {
		Version apiversions.APIVersion `json:"version"`
	}
	_, err := probe.Get(c.ctx, url, &document, nil)
	c.must("version document", probe, err, 200)
	c.equal("highest version", document.Version.Version, "1.115")
	for index, version := range []string{"1.89", "1.93", "1.95", "1.109", "1.110"} {
		life(c, open(c, endpoint, version), index)
	}
}

func life(c *checker, client *session, index int) {
	version := client.Microversion
	page, err := drivers.ListDrivers(client.ServiceClient, drivers.ListDriversOpts{}).AllPages(c.ctx)
	c.must("ready: drivers", client, err, 200)
	empty, err := page.IsEmpty()
	c.equal("ready: any driver", []any{empty, err}, []any{false, nil})

	name := "metal3~host-" + version
	mac := "52:54:00:0b:00:0" + string(rune('0'+index))
	_, err = nodes.Get(c.ctx, client.ServiceClient, "d1b5a1a0-4c1e-4e0f-8d75-2d2f7d1b0000").Extract()
	c.refused("host by UUID", err, 404)
	_, err = nodes.Get(c.ctx, client.ServiceClient, name).Extract()
	c.refused("host by name", err, 404)
	c.equal("host by MAC", len(portsBy(c, client, ports.ListOpts{Address: mac, Fields: []string{"node_uuid", "uuid", "address"}})), 0)

	// Registering.
	opts := nodes.CreateOpts{
		Driver: "fake-hardware", BIOSInterface: "fake", BootInterface: "fake", DeployInterface: "fake", FirmwareInterface: "fake",
		InspectInterface: "fake", ManagementInterface: "fake", Name: name, PowerInterface: "fake", RAIDInterface: "fake",
		VendorInterface: "fake", DriverInfo: map[string]any{"deploy_kernel": "http://images/kernel", "deploy_ramdisk": "http://images/ramdisk",
			"fake_address": "192.0.2.7", "fake_password": "geheim", "force_persistent_boot_device": "Default"},
		Properties: map[string]any{"capabilities": "boot_mode:uefi", "cpu_arch": "x86_64"},
	}
	if index >= 2 {
		opts.DisablePowerOff = pointer(false)
	}
	node, err := nodes.Create(c.ctx, client.ServiceClient, opts).Extract()
	c.must("register host", client, err, 201)
	c.equal("credentials were not tried", []any{node.ProvisionState, node.LastError}, []any{"enroll", ""})
	port, err := ports.Create(c.ctx, client.ServiceClient, ports.CreateOpts{NodeUUID: node.UUID, Address: mac,
		PXEEnabled: pointer(true)}).Extract()
	c.must("register port", client, err, 201)
	found := portsBy(c, client, ports.ListOpts{Address: mac, Fields: []string{"node_uuid", "uuid", "address"}})
	c.equal("host by MAC", found, []ports.Port{{UUID: port.UUID, NodeUUID: node.UUID, Address: mac, Links: found[0].Links}})
	id := node.UUID
	update := func(operations ...nodes.Patch) *nodes.Node {
		node, err := nodes.Update(c.ctx, client.ServiceClient, id, operations).Extract()
		c.must("update host", client, err, 200)
		return node
	}
	add := func(path string, value any) nodes.Patch {
		return nodes.UpdateOperation{Op: nodes.AddOp, Path: path, Value: value}
	}
	remove := func(path string) nodes.Patch { return nodes.UpdateOperation{Op: nodes.RemoveOp, Path: path} }
	update(add("/driver_info/fake_password", "other"), add("/automated_clean", true), remove("/instance_uuid"), remove("/network_data"))
	c.to(client, id, nodes.TargetManage, nodes.Manageable)

	// Inspecting, then preparing.
	c.to(client, id, nodes.TargetInspect, nodes.Manageable)
	_, err = nodes.GetInventory(c.ctx, client.ServiceClient, id).Extract()
	c.refused("inventory that nobody sent", err, 404)
	c.equal("is it a 404 to the operator", gophercloud.ResponseCodeIs(err, 404), true)
	err = nodes.SetRAIDConfig(c.ctx, client.ServiceClient, id, nodes.RAIDConfigOpts{LogicalDisks: []nodes.LogicalDisk{
		{SizeGB: pointer(50), RAIDLevel: nodes.RAID1, IsRootVolume: pointer(true)}}}).ExtractErr()
	c.must("set RAID config", client, err, 204)
	_, err = nodes.ListBIOSSettings(c.ctx, client.ServiceClient, id, nodes.ListBIOSSettingsOpts{Detail: true}).Extract()
	c.must("BIOS settings", client, err, 200)
	_, err = nodes.ListFirmware(c.ctx, client.ServiceClient, id).Extract()
	c.must("firmware", client, err, 200)
	c.provision(client, id, nodes.ProvisionStateOpts{Target: nodes.TargetClean, CleanSteps: []nodes.CleanStep{
		{Interface: nodes.InterfaceRAID, Step: "delete_configuration"}, {Interface: nodes.InterfaceRAID, Step: "create_configuration"}}})
	node = c.settled(client, id, nodes.Manageable)
	c.equal("cleaned host", []any{node.LastError, node.Maintenance, node.Fault}, []any{"", false, ""})

	// Provisioning.
	update(add("/instance_uuid", id), add("/instance_info/image_source", "http://images/disk.qcow2"),
		add("/instance_info/image_os_hash_algo", "sha256"), add("/instance_info/image_os_hash_value", "aa"),
		add("/instance_info/image_disk_format", "qcow2"), add("/instance_info/capabilities", map[string]any{"boot_mode": "uefi"}),
		add("/properties/root_device", map[string]any{"name": "s== /dev/vda"}), add("/deploy_interface", "fake"))
	validation, err := nodes.Validate(c.ctx, client.ServiceClient, id).Extract()
	c.must("validate", client, err, 200)
	c.equal("validation", []nodes.DriverValidation{validation.Boot, validation.Deploy},
		[]nodes.DriverValidation{{Result: true}, {Result: true}})
	node = c.to(client, id, nodes.TargetProvide, nodes.Available)
	c.equal("image of the available host", node.InstanceInfo["image_source"], "http://images/disk.qcow2")
	step, args := nodes.StepReboot, map[string]any{}
	if index == 0 {
		step, args = nodes.StepWait, map[string]any{"seconds": 1}
	}
	c.provision(client, id, nodes.ProvisionStateOpts{Target: nodes.TargetActive,
		ConfigDrive: nodes.ConfigDrive{MetaData: map[string]any{"metal3-name": name, "local-hostname": "host"},
			NetworkData: map[string]any{"links": []any{}}, UserData: "#cloud-config\n"},
		DeploySteps: []nodes.DeployStep{{Interface: nodes.InterfaceDeploy, Step: step, Args: args, Priority: 80}}})
	node = settledBusy(c, client, id, nodes.Active)
	c.equal("provisioned host", []any{node.InstanceUUID, node.InstanceInfo["image_source"], node.LastError},
		[]any{id, "http://images/disk.qcow2", ""})
	counted := nodesBy(c, client, nodes.ListOpts{Fields: []string{"uuid", "name", "provision_state", "boot_interface"}})
	seen := nodes.Node{}
	for _, one := range counted {
		if one.UUID == id {
			seen = one
		}
	}
	c.equal("the host as it is counted", []any{seen.Name, seen.ProvisionState, seen.BootInterface}, []any{name, "active", "fake"})

	// Power, soft first.
	for _, target := range []nodes.TargetPowerState{nodes.SoftPowerOff, nodes.PowerOn} {
		err = nodes.ChangePowerState(c.ctx, client.ServiceClient, id, nodes.PowerStateOpts{Target: target}).ExtractErr()
		c.must(string(target), client, err, 202)
		c.settled(client, id, nodes.Active)
	}

	// Deprovisioning and deleting.
	node = c.to(client, id, nodes.TargetDeleted, nodes.Available)
	c.equal("deprovisioned host", []any{node.InstanceUUID, node.InstanceInfo}, []any{"", map[string]any{}})
	update(remove("/instance_uuid"), remove("/instance_info"))
	c.to(client, id, nodes.TargetManage, nodes.Manageable)
	err = nodes.Delete(c.ctx, client.ServiceClient, id).ExtractErr()
	c.done("delete host", client, err, 204)
	_, err = nodes.Get(c.ctx, client.ServiceClient, id).Extract()
	c.refused("deleted host", err, 404)
	c.equal("host by MAC", len(portsBy(c, client, ports.ListOpts{Address: mac})), 0)
}

// settledBusy waits as settled does, and wants every state on the way to have a target.
func settledBusy(c *checker, client *session, id string, end nodes.ProvisionState) *nodes.Node {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		node, err := nodes.Get(c.ctx, client.ServiceClient, id).Extract()
		c.must("get host", client, err, 200)
		if node.ProvisionState == string(end) {
			break
		}
		c.holds("a busy host has a target and no error", node.TargetProvisionState == string(end) && node.LastError == "",
			node.ProvisionState, node.TargetProvisionState, node.LastError)
	}
	return c.settled(client, id, end)
}
