// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/baremetal/v1/nodes"
)

// checkPower switches a node in every way there is.
func checkPower(c *checker, endpoint string) {
	client := open(c, endpoint, "1.109")
	node := c.fake(client, "metal3~power")
	c.to(client, node.UUID, nodes.TargetManage, nodes.Manageable)
	change := func(id string, target nodes.TargetPowerState, timeout int) error {
		return nodes.ChangePowerState(c.ctx, client.ServiceClient, id, nodes.PowerStateOpts{Target: target,
			Timeout: timeout}).ExtractErr()
	}
	for _, step := range []struct {
		target  nodes.TargetPowerState
		timeout int
		state   string
	}{
		{nodes.PowerOn, 0, "power on"}, {nodes.PowerOn, 0, "power on"}, {nodes.SoftRebooting, 30, "power on"},
		{nodes.Rebooting, 0, "power on"}, {nodes.SoftPowerOff, 30, "power off"}, {nodes.PowerOn, 30, "power on"},
		{nodes.SoftPowerOff, 0, "power off"}, {nodes.Rebooting, 5, "power on"}, {nodes.PowerOff, 0, "power off"},
	} {
		what := string(step.target)
		c.must(what, client, change(node.UUID, step.target, step.timeout), 202)
		c.holds(what+" points to the states", strings.HasSuffix(client.answers.header.Get("Location"), "/states"))
		settled := c.settled(client, node.UUID, nodes.Manageable)
		c.equal("after "+what, []any{settled.PowerState, settled.LastError}, []any{step.state, ""})
	}
	c.refused("an unknown power state", change(node.UUID, "power sideways", 0), 400)
	c.refused("a negative timeout", change(node.UUID, nodes.SoftPowerOff, -1), 400)
	c.refused("power of an unknown node", change("metal3~nope", nodes.PowerOn, 0), 404)
	_, err := nodes.Update(c.ctx, client.ServiceClient, node.UUID, nodes.UpdateOpts{
		nodes.UpdateOperation{Op: nodes.AddOp, Path: "/disable_power_off", Value: true}}).Extract()
	c.must("disable power off", client, err, 200)
	c.refused("power off where it is disabled", change(node.UUID, nodes.PowerOff, 0), 409)
	c.refused("soft power off where it is disabled", change(node.UUID, nodes.SoftPowerOff, 0), 409)
	c.done("rebooting where power off is disabled", client, change(node.UUID, nodes.Rebooting, 0), 202)
	c.equal("rebooted", c.settled(client, node.UUID, nodes.Manageable).PowerState, "power on")
	old := open(c, endpoint, "1.26")
	err = nodes.ChangePowerState(c.ctx, old.ServiceClient, node.UUID, nodes.PowerStateOpts{Target: nodes.SoftPowerOff}).ExtractErr()
	c.refused("soft power off at 1.26", err, 406)
	err = nodes.Delete(c.ctx, client.ServiceClient, node.UUID).ExtractErr()
	c.done("delete node", client, err, 204)
}

// checkManagement asks for everything about a node that is neither power nor provisioning.
func checkManagement(c *checker, endpoint string) {
	client := open(c, endpoint, "1.109")
	node := c.fake(client, "metal3~management")
	id := node.UUID

	devices, err := nodes.GetSupportedBootDevices(c.ctx, client.ServiceClient, id).Extract()
	c.must("supported boot devices", client, err, 200)
	c.equal("supported boot devices", devices, []string{"pxe"})
	err = nodes.SetBootDevice(c.ctx, client.ServiceClient, id, nodes.BootDeviceOpts{BootDevice: "pxe", Persistent: true}).ExtractErr()
	c.done("set boot device", client, err, 204)
	device, err := nodes.GetBootDevice(c.ctx, client.ServiceClient, id).Extract()
	c.must("boot device", client, err, 200)
	c.equal("boot device", device.BootDevice, "pxe")
	err = nodes.SetBootDevice(c.ctx, client.ServiceClient, id, nodes.BootDeviceOpts{BootDevice: "tape"}).ExtractErr()
	c.refused("unknown boot device", err, 400)
	err = nodes.InjectNMI(c.ctx, client.ServiceClient, id).ExtractErr()
	c.refused("NMI of hardware without", err, 400, "inject_nmi")
	err = nodes.InjectNMI(c.ctx, client.ServiceClient, "metal3~nope").ExtractErr()
	c.refused("NMI of an unknown node", err, 404)

	err = nodes.SetMaintenance(c.ctx, client.ServiceClient, id, nodes.MaintenanceOpts{Reason: "fan"}).ExtractErr()
	c.done("set maintenance", client, err, 202)
	node, err = nodes.Get(c.ctx, client.ServiceClient, id).Extract()
	c.must("get node", client, err, 200)
	c.equal("maintenance", []any{node.Maintenance, node.MaintenanceReason, node.Fault}, []any{true, "fan", ""})
	c.equal("nodes in maintenance", len(nodesBy(c, client, nodes.ListOpts{Maintenance: true})), 1)
	err = nodes.UnsetMaintenance(c.ctx, client.ServiceClient, id).ExtractErr()
	c.done("unset maintenance", client, err, 202)
	node, err = nodes.Get(c.ctx, client.ServiceClient, id).Extract()
	c.must("get node", client, err, 200)
	c.equal("no maintenance", []any{node.Maintenance, node.MaintenanceReason}, []any{false, ""})

	checked := nodes.Validate(c.ctx, client.ServiceClient, id)
	validation, err := checked.Extract()
	c.must("validate", client, err, 200)
	c.hasFields("validation", checked.Body, nodes.NodeValidation{})
	yes := nodes.DriverValidation{Result: true}
	c.equal("validation", *validation, nodes.NodeValidation{BIOS: yes, Boot: yes, Console: yes, Deploy: yes, Firmware: yes,
		Inspect: yes, Management: yes, Network: yes, Power: yes, RAID: yes, Rescue: yes, Storage: yes})

	raid := nodes.RAIDConfigOpts{LogicalDisks: []nodes.LogicalDisk{
		{SizeGB: pointer(100), RAIDLevel: nodes.RAID1, IsRootVolume: pointer(true), VolumeName: "root", DiskType: nodes.SSD,
			NumberOfPhysicalDisks: 2, InterfaceType: nodes.SAS, Controller: "c0", SharePhysicalDisks: pointer(false)},
		{RAIDLevel: nodes.RAID5, PhysicalDisks: []any{"d1", "d2", "d3"}, NumberOfPhysicalDisks: 3, Controller: "c1"},
	}}
	err = nodes.SetRAIDConfig(c.ctx, client.ServiceClient, id, raid).ExtractErr()
	c.done("set RAID config", client, err, 204)
	node, err = nodes.Get(c.ctx, client.ServiceClient, id).Extract()
	c.must("get node", client, err, 200)
	disks, _ := node.TargetRAIDConfig["logical_disks"].([]any)
	if c.equal("logical disks", len(disks), 2); len(disks) == 2 {
		c.equal("sizes", []any{disks[0].(map[string]any)["size_gb"], disks[1].(map[string]any)["size_gb"]}, []any{float64(100), "MAX"})
	}
	err = nodes.SetRAIDConfig(c.ctx, client.ServiceClient, id, nodes.RAIDConfigOpts{LogicalDisks: []nodes.LogicalDisk{
		{RAIDLevel: "nope"}}}).ExtractErr()
	c.refused("an unknown RAID level", err, 400)
	err = nodes.SetRAIDConfig(c.ctx, client.ServiceClient, id, nodes.RAIDConfigOpts{LogicalDisks: []nodes.LogicalDisk{}}).ExtractErr()
	c.refused("a RAID of no disks", err, 400)

	c.to(client, id, nodes.TargetManage, nodes.Manageable)
	c.provision(client, id, nodes.ProvisionStateOpts{Target: nodes.TargetClean, CleanSteps: []nodes.CleanStep{
		{Interface: nodes.InterfaceRAID, Step: "delete_configuration"},
		{Interface: nodes.InterfaceRAID, Step: "create_configuration"},
		{Interface: nodes.InterfaceBIOS, Step: "apply_configuration", Args: map[string]any{
			"settings": []any{map[string]any{"name": "Boot", "value": "Fast"}, map[string]any{"name": "Cores", "value": 8}}}}}})
	c.settled(client, id, nodes.Manageable)
	for _, opts := range []nodes.ListBIOSSettingsOptsBuilder{nil, nodes.ListBIOSSettingsOpts{Detail: true},
		nodes.ListBIOSSettingsOpts{Fields: []string{"name", "value"}}} {
		settings, err := nodes.ListBIOSSettings(c.ctx, client.ServiceClient, id, opts).Extract()
		c.must("BIOS settings", client, err, 200)
		c.equal("BIOS settings", settings, []nodes.BIOSSetting{{Name: "Boot", Value: "Fast"}, {Name: "Cores", Value: "8"}})
	}
	var setting map[string]nodes.BIOSSetting
	err = nodes.GetBIOSSetting(c.ctx, client.ServiceClient, id, "Boot").ExtractInto(&setting)
	c.must("BIOS setting", client, err, 200)
	c.equal("BIOS setting", setting, map[string]nodes.BIOSSetting{"Boot": {Name: "Boot", Value: "Fast"}})
	_, err = nodes.GetBIOSSetting(c.ctx, client.ServiceClient, id, "nope").Extract()
	c.refused("unknown BIOS setting", err, 404)
	firmware, err := nodes.ListFirmware(c.ctx, client.ServiceClient, id).Extract()
	c.must("firmware", client, err, 200)
	c.equal("firmware", firmware, []nodes.FirmwareComponent{})
	_, err = nodes.GetInventory(c.ctx, client.ServiceClient, id).Extract()
	c.refused("inventory of an unknown machine", err, 404)

	checkPassthru(c, client, id)
	checkMedia(c, client, id)
	checkHistory(c, client, id)
	err = nodes.Delete(c.ctx, client.ServiceClient, id).ExtractErr()
	c.done("delete node", client, err, 204)
}

// checkPassthru calls vendor methods by ?method=, as gophercloud does; only Redfish has subscriptions.
func checkPassthru(c *checker, client *session, id string) {
	methods := nodes.GetVendorPassthruMethods(c.ctx, client.ServiceClient, id)
	_, err := methods.Extract()
	c.must("vendor methods", client, err, 200)
	var all map[string]nodes.CreateSubscriptionMethod
	err = methods.ExtractInto(&all)
	c.must("decode vendor methods", client, err, 200)
	c.equal("vendor method", []any{all["second_method"].HTTPMethods, all["second_method"].Async, all["second_method"].Attach,
		all["second_method"].RequireExclusiveLock, all["second_method"].Description != ""}, []any{[]string{"POST"}, true, false, true, true})
	c.equal("synchronous vendor method", all["third_method_sync"].Async, false)

	url := client.ServiceURL("nodes", id, "vendor_passthru")
	var word any
	_, err = client.Post(c.ctx, url+"?method=third_method_sync", map[string]any{"bar": "meow"}, &word,
		&gophercloud.RequestOpts{OkCodes: []int{200}})
	c.done("synchronous passthru", client, err, 200)
	c.equal("what it answered", word, true)
	_, err = client.Post(c.ctx, url+"?method=second_method", map[string]any{"bar": "kazoo"}, nil,
		&gophercloud.RequestOpts{OkCodes: []int{202}})
	c.done("asynchronous passthru", client, err, 202)
	c.settled(client, id, nodes.Manageable)

	method := nodes.CallVendorPassthruOpts{Method: "third_method_sync"}
	_, err = nodes.CreateSubscription(c.ctx, client.ServiceClient, id, method, nodes.CreateSubscriptionOpts{Destination: "https://host/",
		EventTypes: []string{"Alert"}, Protocol: "Redfish", Context: "c"}).Extract()
	c.refused("POST without an argument", err, 400, "'bar' not passed")
	_, err = nodes.GetAllSubscriptions(c.ctx, client.ServiceClient, id, method).Extract()
	c.refused("GET of a method that takes POST", err, 400, "third_method_sync", "GET")
	_, err = nodes.GetSubscription(c.ctx, client.ServiceClient, id, method, nodes.GetSubscriptionOpts{Id: "1"}).Extract()
	c.refused("GET with a body", err, 400, "third_method_sync", "GET")
	err = nodes.DeleteSubscription(c.ctx, client.ServiceClient, id, method, nodes.DeleteSubscriptionOpts{Id: "1"}).ExtractErr()
	c.refused("DELETE with a body", err, 400, "third_method_sync", "DELETE")
	method.Method = "create_subscription"
	_, err = nodes.CreateSubscription(c.ctx, client.ServiceClient, id, method, nodes.CreateSubscriptionOpts{}).Extract()
	c.refused("a method that is not there", err, 400, "create_subscription")
	err = nodes.DeleteSubscription(c.ctx, client.ServiceClient, id, method, nodes.DeleteSubscriptionOpts{Id: "1"}).ExtractErr()
	c.refused("DELETE of a method that is not there", err, 400, "create_subscription")
	_, err = nodes.GetAllSubscriptions(c.ctx, client.ServiceClient, id, nodes.CallVendorPassthruOpts{}).Extract()
	c.refused("no method", err, 400, "method")
}

// checkMedia asks for virtual media of hardware that has none.
func checkMedia(c *checker, client *session, id string) {
	attach := func(client *session, opts nodes.AttachVirtualMediaOpts) error {
		return nodes.AttachVirtualMedia(c.ctx, client.ServiceClient, id, opts).ExtractErr()
	}
	opts := nodes.AttachVirtualMediaOpts{DeviceType: nodes.VirtualMediaCD, ImageURL: "https://images/boot.iso",
		ImageDownloadSource: nodes.ImageDownloadSourceHTTP}
	c.refused("attaching without virtual media", attach(client, opts), 400, "attach_virtual_media")
	c.refused("attaching to a device of none", attach(client, nodes.AttachVirtualMediaOpts{DeviceType: "tape", ImageURL: "http://a/b"}), 400)
	c.refused("attaching from a scheme of none", attach(client, nodes.AttachVirtualMediaOpts{DeviceType: nodes.VirtualMediaCD,
		ImageURL: "gopher://a/b"}), 400)
	detach := nodes.DetachVirtualMediaOpts{DeviceTypes: []nodes.VirtualMediaDeviceType{nodes.VirtualMediaCD, nodes.VirtualMediaDisk}}
	err := nodes.DetachVirtualMedia(c.ctx, client.ServiceClient, id, detach).ExtractErr()
	c.refused("detaching without virtual media", err, 400, "detach_virtual_media")
	err = nodes.DetachVirtualMedia(c.ctx, client.ServiceClient, id, nodes.DetachVirtualMediaOpts{}).ExtractErr()
	c.refused("detaching everything without virtual media", err, 400)
	var media []any
	_, err = client.Get(c.ctx, client.ServiceURL("nodes", id, "vmedia"), &media, nil)
	c.refused("reading virtual media without any", err, 400, "get_virtual_media")
	for _, version := range []string{"1.88", "1.50"} {
		old := open(c, client.Endpoint[:len(client.Endpoint)-len("/v1/")], version)
		c.refused("attaching at "+version, attach(old, opts), 404)
	}
}

// checkHistory reads what went wrong with a node; gophercloud has no package for it.
func checkHistory(c *checker, client *session, id string) {
	c.provision(client, id, nodes.ProvisionStateOpts{Target: nodes.TargetClean, CleanSteps: []nodes.CleanStep{
		{Interface: nodes.InterfaceDeploy, Step: "nope"}}})
	node := c.settled(client, id, nodes.CleanFail)
	c.holds("last_error says why", strings.Contains(node.LastError, "nope"), node.LastError)
	c.to(client, id, nodes.TargetManage, nodes.Manageable)
	var history struct {
		History []struct {
			UUID      string       `json:"uuid"`
			CreatedAt string       `json:"created_at"`
			Severity  string       `json:"severity"`
			Event     string       `json:"event"`
			Links     []nodes.Link `json:"links"`
		} `json:"history"`
	}
	url := client.ServiceURL("nodes", id, "history")
	_, err := client.Get(c.ctx, url, &history, nil)
	c.must("history", client, err, 200)
	told := 0
	for _, entry := range history.History {
		if entry.Severity == "ERROR" && strings.Contains(entry.Event, "nope") && len(entry.Links) == 1 && entry.CreatedAt != "" {
			told++
			var event map[string]any
			_, err = client.Get(c.ctx, url+"/"+entry.UUID, &event, nil)
			c.must("history entry", client, err, 200)
			c.equal("history entry", []any{event["uuid"], event["event"], event["severity"]}, []any{entry.UUID, entry.Event, "ERROR"})
		}
	}
	c.equal("times history tells of it", told, 1)
	_, err = client.Get(c.ctx, url+"/"+id, nil, nil)
	c.refused("unknown history entry", err, 404)
}
