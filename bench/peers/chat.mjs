// Two chat servers as they are usually written, to be measured beside weir.
//
//   node chat.mjs plain|socketio MODULES PORT_FILE
//
// `plain`: the library `ws`; /chat/ROOM is a room, and each message goes to everybody in it as soon as it comes.
// `socketio`: Socket.IO, WebSocket alone; the rooms are in the query, `m` has a room and a text and is acknowledged.
// MODULES is the folder that the libraries were installed in.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { writeFileSync } from 'node:fs';

const [kind, modules, portFile] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const server = createServer((_, response) => response.writeHead(404).end());

const kinds = {
    plain() {
        const { WebSocketServer } = require('ws');
        const rooms = new Map();
        new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket, request) => {
            const room = rooms.get(request.url) ?? new Set();
            rooms.set(request.url, room.add(socket));
            socket.on('message', (text) => {
                for (const member of room) member.send(text, { binary: false });
            });
            socket.on('close', () => room.delete(socket));
        });
    },
    socketio() {
        const { Server } = require('socket.io');
        const io = new Server(server, { transports: ['websocket'], perMessageDeflate: false, serveClient: false });
        io.on('connection', (socket) => {
            socket.join(socket.handshake.query.rooms.split(','));
            socket.on('m', (room, text, acknowledge) => {
                io.to(room).emit('m', text);
                acknowledge();
            });
        });
    },
};

kinds[kind]();
server.listen(0, '127.0.0.1', () => writeFileSync(portFile, String(server.address().port)));
